"""The whole rollback test, from an empty scratch database to a report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tsmigrate.apt import Progress
from tsmigrate.capability import Edition
from tsmigrate.errors import UsageError
from tsmigrate.finding import Finding, Severity, exit_code
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify import dump_program, scratch
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.observer import Observer
from tsmigrate.verify.processes import Processes
from tsmigrate.verify.scratch import Scratch
from tsmigrate.verify.seed import Seed
from tsmigrate.verify.stairway import Stairway
from tsmigrate.verify.walk import Walk
from tsmigrate.verify.writer import Writer

ROWS = 100
ROWS_BESIDE_A_SEED = 10


@dataclass(frozen=True)
class Wanted:
    """What to test, and how."""

    ini: Path | None = None
    server: DatabaseUrl | None = None  # None: a sandbox of its own
    edition: Edition | None = None  # of that sandbox
    first: str = ""
    last: str = ""
    rows: int | None = None
    seed: str | None = None
    crash: Crash = Crash.SAMPLE
    arguments: tuple[str, ...] = ()  # handed to env.py as -x


@dataclass(frozen=True)
class Report:
    findings: tuple[Finding, ...]
    server: str
    revisions: int  # tested

    @property
    def exit_code(self) -> int:
        return exit_code(self.findings)

    @property
    def differences(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity in {Severity.WARNING, Severity.BLOCKER})


def run(wanted: Wanted, progress: Progress = lambda *_: None) -> Report:
    """Test every wanted revision. The scratch database is gone when this returns or raises."""
    if wanted.rows is not None and wanted.rows < 0:
        raise UsageError(f"{wanted.rows} rows cannot be written", mend="give a number from 0 on")
    seed = Seed.of(wanted.seed) if wanted.seed else None
    with _scratch(wanted, progress)() as made, Processes() as processes:
        environment = Environment(wanted.ini, made.database, processes, wanted.arguments)
        return _report(wanted, seed, made, environment, progress)


def _scratch(wanted: Wanted, progress: Progress) -> Callable[[], AbstractContextManager[Scratch]]:
    server = wanted.server
    if server is None:
        return lambda: scratch.in_sandbox(wanted.edition, progress)
    if wanted.edition:
        raise UsageError("--edition is for a sandbox, and --url names a server", mend="give one of the two")
    return lambda: scratch.on_server(server)


def _report(wanted: Wanted, seed: Seed | None, made: Scratch, environment: Environment, progress: Progress) -> Report:
    revisions = environment.revisions(wanted.first, wanted.last)
    look = environment.look()
    observer = Observer(
        made.database, dump_program.find(made.database, made.bin), look.version_table, look.version_schema
    )
    rows = wanted.rows if wanted.rows is not None else ROWS_BESIDE_A_SEED if seed else ROWS
    writer = Writer(environment, look.version_table, seed, rows)
    findings = [*Walk(Stairway(environment, observer, writer, wanted.crash), revisions, progress).run()]
    findings += writer.findings()
    return Report(tuple(findings), made.server, sum(revision.tested for revision in revisions))
