"""The whole rehearsal: copy, then every revision that the source does not have yet, up, down and up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsmigrate import connect, settings
from tsmigrate.apt import Progress
from tsmigrate.capability import Edition, described
from tsmigrate.catalog.relation import Relation
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify import dump_program, scratch
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.job import Ending, Outcome, Revision
from tsmigrate.verify.observer import Observer
from tsmigrate.verify.processes import Processes
from tsmigrate.verify.rehearsal import engine, rows, schema_copy, source
from tsmigrate.verify.rehearsal.source import Source
from tsmigrate.verify.rollback import ROWS, ROWS_BESIDE_A_SEED, Report
from tsmigrate.verify.scratch import Scratch
from tsmigrate.verify.stairway import Stairway
from tsmigrate.verify.walk import Beginning, Walk
from tsmigrate.verify.writer import Writer

KIND = "rehearsal"
"""What the names of its sandboxes begin with."""

_HYPERTABLES = """
SELECT hypertable_schema AS schema, hypertable_name AS name FROM timescaledb_information.hypertables
"""


@dataclass(frozen=True)
class Wanted:
    source: DatabaseUrl
    ini: Path | None = None
    extra_versions: Path | None = None  # a folder of revisions that are not in the project yet
    rows: int = ROWS  # sampled a table; 0: none, and made-up ones instead
    edition: Edition | None = None  # of the sandbox; None: the source's own, or what there is
    last: str = ""  # the last revision to run; empty: every head
    crash: Crash = Crash.SAMPLE
    arguments: tuple[str, ...] = ()  # handed to env.py as -x
    keep: bool = False  # the sandbox, and the rows in it


def rehearse(wanted: Wanted, progress: Progress = lambda *_: None) -> Report:
    """Nothing is written to the source. The sandbox is gone when this returns or raises, unless it is to be kept."""
    if wanted.rows < 0:
        raise UsageError(f"{wanted.rows} rows cannot be read", mend="give a number from 0 on")
    if wanted.extra_versions and not wanted.extra_versions.is_dir():
        raise UsageError(f"{wanted.extra_versions} is no folder of revisions", mend="name the folder that holds them")
    settings.find(wanted.ini)  # refuses one that is not there, before anything is made
    with source.opened(wanted.source) as opened:
        fitting = engine.fitting(opened.server, wanted.edition)
        with (
            scratch.in_sandbox(wanted.edition, progress, kind=KIND, pg_bin=fitting, keep=wanted.keep) as made,
            Processes() as processes,
        ):
            environment = Environment(wanted.ini, made.database, processes, wanted.arguments, wanted.extra_versions)
            return _Rehearsal(wanted, opened, made, environment, progress).run()


@dataclass(frozen=True)
class _Rehearsal:
    wanted: Wanted
    source: Source
    made: Scratch
    environment: Environment
    progress: Progress

    def run(self) -> Report:
        findings = [self._versions()]
        hypertables = self._hypertables()
        if not hypertables:
            findings += schema_copy.copy(self.source, self.made.database, self.progress)
        look = self.environment.look()
        version_table = Relation(look.version_schema or self._default_schema(), look.version_table)
        heads = rows.version(self.source, version_table)
        applied, pending = self._parted(heads)
        if hypertables:
            findings.append(self._make_by_revisions(applied))
        else:
            findings += self._stamp(version_table, heads, pending)
        findings += rows.copy(self.source, self.made.database, version_table, self.wanted.rows, self.progress)
        # The source is read: its transaction must not hold the server's horizon while revisions run.
        self.source.connection.rollback()
        if pending:
            findings += self._walked(look, applied, pending)
        else:
            findings.append(
                Finding("revisions", Severity.NOTE, f"nothing to rehearse: {self.wanted.source} has them all")
            )
        findings.append(self._end())
        return Report(tuple(findings), self.made.server, len(pending))

    def _versions(self) -> Finding:
        told = f"{self.wanted.source}: {described(self.source.server)}; copied into {self.made.server}"
        return Finding("source", Severity.OK, told)

    def _hypertables(self) -> list[Relation]:
        timescale = self.source.server.timescale
        if timescale.installed is None:
            return []
        if not timescale.preloaded:
            raise BlockedError(
                f"{self.wanted.source} has the timescaledb extension, and its server does not preload it",
                mend="add timescaledb to shared_preload_libraries there and restart the server",
            )
        return [Relation(row.schema, row.name) for row in self.source.connection.execute(raw(_HYPERTABLES))]

    def _default_schema(self) -> str:
        """Where env.py's connection finds a table that it names without one."""
        with connect.connection(self.made.database) as connection:
            return str(connection.execute(raw("SELECT current_schema()")).scalar_one() or "public")

    def _parted(self, heads: Sequence[str]) -> tuple[list[Revision], list[Revision]]:
        """The revisions that the source has, and those that it is to get."""
        known = {each.id: each for each in self.environment.revisions()}
        if unknown := [head for head in heads if head not in known]:
            raise BlockedError(
                f"{self.wanted.source} is at revision {', '.join(unknown)}, which the project does not have",
                mend="rehearse with the project's state that the database was upgraded with, or a later one",
            )
        waiting, found = list(heads), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += known[name].needs
        run = self.environment.revisions(last=self.wanted.last)
        applied = [each for each in known.values() if each.id in found]
        return applied, [replace(each, tested=True) for each in run if each.id not in found]

    def _stamp(self, table: Relation, heads: Sequence[str], pending: Sequence[Revision]) -> list[Finding]:
        if heads:
            rows.stamp(self.made.database, table, heads)
            return []
        if not pending:
            return []
        return [
            Finding(
                "revisions",
                Severity.NOTE,
                f"{self.wanted.source} has no revision in {table}: all of the project's are rehearsed on top of it",
                mend="alembic stamp REV, where its schema is that of a revision",
            )
        ]

    def _make_by_revisions(self, applied: Sequence[Revision]) -> Finding:
        """pg_dump cannot carry a hypertable from one version of TimescaleDB to another."""
        for revision in applied:
            self.progress(f"making the schema: revision {revision}", None)
            outcome = self.environment.upgrade(revision)
            if outcome.ending is not Ending.DONE:
                raise BlockedError(
                    f"{self.wanted.source} has hypertables, so that the project's own revisions must make its schema "
                    f"in the sandbox, and {revision} fails there: {outcome.message}",
                    mend="tsmigrate rollback-test shows what is wrong with it",
                )
        told = "the source has hypertables: its schema was made by the project's revisions, not copied"
        why = "what was changed there without a revision is not in the copy"
        return Finding("schema", Severity.NOTE, told, why=why)

    def _walked(self, look: Outcome, applied: Sequence[Revision], pending: Sequence[Revision]) -> list[Finding]:
        database = self.made.database
        program = dump_program.find(database, self.made.bin)
        observer = Observer(database, program, look.version_table, look.version_schema)
        writer = Writer(self.environment, look.version_table, None, ROWS_BESIDE_A_SEED if self.wanted.rows else ROWS)
        writer.begin()
        beginning = Beginning(
            name="the way back",
            way="to where the source is",
            equal="schema byte for byte, rows and sequences as in the copy",
            applied=applied,
        )
        stairway = Stairway(self.environment, observer, writer, self.wanted.crash)
        return [*Walk(stairway, pending, self.progress, beginning).run(), *writer.findings()]

    def _end(self) -> Finding:
        if not self.wanted.keep:
            return Finding("sandbox", Severity.OK, "the copy was on this machine only, and is gone")
        return Finding(
            "sandbox",
            Severity.NOTE,
            f"the copy is kept on this machine, rows and all: {self.made.database}",
            mend=f"tsmigrate sandbox down --name {self.made.sandbox}",
        )
