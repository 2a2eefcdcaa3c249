"""All that a report shows, before it is text, JSON or a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.evidence import Evidence
from tsmigrate.advise.judge.verdict import Choice
from tsmigrate.advise.names import shown
from tsmigrate.advise.obstacles import Obstacles
from tsmigrate.finding import Finding, Severity


@dataclass(frozen=True)
class Report:
    database: str
    evidence: Evidence
    advices: Sequence[Advice]  # what was asked for
    obstacles: Obstacles

    def chosen(self, choice: Choice) -> list[Advice]:
        """The largest first."""
        found = [advice for advice in self.advices if advice.verdict.choice is choice]
        return sorted(found, key=lambda advice: (-advice.table.size, advice.table.relation))

    @property
    def findings(self) -> list[Finding]:
        """All of them, of tables with the table's name in front."""
        found = [*remarks(self), *self.obstacles.server]
        for advice in self.advices:
            found += self.obstacles.of_table.get(advice.table.oid, ())
        return found

    def counted(self, severity: Severity, advice: Advice) -> int:
        return sum(1 for each in self.obstacles.of_table.get(advice.table.oid, ()) if each.severity is severity)


def remarks(report: Report) -> list[Finding]:
    """What was missing to judge better."""
    return list(_remarks(report))


def _remarks(report: Report) -> Iterator[Finding]:
    evidence, tables = report.evidence, [advice.table for advice in report.advices]
    if not tables:
        mend = "name another database or schema" if evidence.tables else "name another database"
        yield Finding("tables", Severity.NOTE, "there are no tables of yours here", mend=mend)
    timescale = evidence.server.timescale
    if timescale.installed and not timescale.preloaded:
        yield Finding(
            "preload",
            Severity.WARNING,
            "TimescaleDB is in this database and not preloaded: hypertables look like empty tables",
            mend="add timescaledb to shared_preload_libraries and restart the server",
        )
    if evidence.no_statements and tables:
        yield Finding(
            "statements",
            Severity.NOTE,
            evidence.no_statements.why,
            why="what queries filter by is then read off the indexes",
            mend=evidence.no_statements.mend,
        )
    unanalyzed = [table for table in tables if table.kind == "r" and table.rows < 0 and table.heap]
    if unanalyzed:
        yield Finding(
            "statistics",
            Severity.WARNING,
            f"{_some([shown(table.relation) for table in unanalyzed])} {_were(unanalyzed)} never analyzed",
            why="rows, growth, order and nulls are in the statistics",
            mend="ANALYZE; then look again",
        )
    unreadable = [table for table in tables if not table.readable]
    if unreadable:
        yield Finding(
            "rights",
            Severity.NOTE,
            f"this role may not read {_some([shown(table.relation) for table in unreadable])}",
            why="PostgreSQL shows a column's statistics to those who may read it",
            mend=f"GRANT SELECT on it, or pg_read_all_data, to {evidence.server.role.name}",
        )
    if evidence.held:
        yield Finding(
            "held",
            Severity.WARNING,
            f"{_some([shown(relation) for relation in evidence.held])} could not be looked at",
            why="somebody holds it exclusively",
            mend="look again when they are done (pg_locks, pg_blocking_pids)",
        )
    if report.obstacles.left_out:
        names = [shown(advice.table.relation) for advice in report.obstacles.left_out]
        yield Finding(
            "pre-flight",
            Severity.NOTE,
            f"there was no time for the pre-flight of {_some(names)}",
            mend="name it: tsmigrate analyze --table …, or tsmigrate preflight",
        )


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _were(things: Sequence[object]) -> str:
    return "was" if len(things) == 1 else "were"
