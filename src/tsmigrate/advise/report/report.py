"""All that a report shows, before it is text, JSON or a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.evidence import Evidence, Table
from tsmigrate.advise.impact import Impact
from tsmigrate.advise.judge.verdict import Choice
from tsmigrate.advise.names import shown
from tsmigrate.advise.obstacles import Obstacles
from tsmigrate.advise.saving import Saving, Savings
from tsmigrate.finding import Finding, Severity, counted_word


@dataclass(frozen=True)
class Report:
    database: str
    evidence: Evidence
    advices: Sequence[Advice]  # what was asked for
    obstacles: Obstacles
    savings: Savings | None = None  # None: not asked for
    impact: Impact | None = None  # None: not asked for

    def chosen(self, choice: Choice) -> list[Advice]:
        """The largest first."""
        found = [advice for advice in self.advices if advice.verdict.choice is choice]
        return sorted(found, key=lambda advice: (-advice.table.size, advice.table.relation))

    @property
    def findings(self) -> list[Finding]:
        """All of them, of tables with the table's name in front."""
        found = self.general
        for advice in self.advices:
            found += self.of_table(advice)
        return found

    @property
    def general(self) -> list[Finding]:
        """What is about no single table."""
        return [*remarks(self), *self.obstacles.server, *(self.savings.server if self.savings else ())]

    def of_table(self, advice: Advice) -> list[Finding]:
        oid = advice.table.oid
        probed = self.savings.findings.get(oid, ()) if self.savings else ()
        return [*self.obstacles.of_table.get(oid, ()), *probed, *(self.impact.findings(oid) if self.impact else ())]

    def saving(self, advice: Advice) -> Saving | None:
        return self.savings.of_table.get(advice.table.oid) if self.savings else None


def remarks(report: Report) -> list[Finding]:
    """What was missing to judge better."""
    tables = [advice.table for advice in report.advices]
    found = [*_of_database(report.evidence, tables), *_of_tables(report.evidence, tables), *_left_out(report)]
    found += [
        Finding("drift", Severity.NOTE, f"{shown(advice.table.relation)}: {reason.text}")
        for advice in report.advices
        for reason in advice.drift
    ]
    return [*found, _queries(report.impact)] if report.impact else found


def _of_database(evidence: Evidence, tables: Sequence[Table]) -> Iterator[Finding]:
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


def _of_tables(evidence: Evidence, tables: Sequence[Table]) -> Iterator[Finding]:
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


def _left_out(report: Report) -> Iterator[Finding]:
    if report.evidence.held:
        yield Finding(
            "held",
            Severity.WARNING,
            f"{_some([shown(relation) for relation in report.evidence.held])} could not be looked at",
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


def _queries(impact: Impact) -> Finding:
    """How much of the program must change; where is said beside each table."""
    files = f"{counted_word(impact.files, 'file')} of {impact.folder}"
    looked = f"{counted_word(impact.statements, 'statement')} in {files}"
    why = f"could not be judged: {_some(impact.unread)}" if impact.unread else ""
    must = impact.all_that_must
    if not impact.of_table:
        return Finding("queries", Severity.NOTE, f"no table is to be converted: nothing of {impact.folder} was judged")
    if not must:
        return Finding("queries", Severity.OK, f"none of {looked} must change before the switch", why=why)
    return Finding(
        "queries",
        Severity.WARNING,
        f"{counted_word(len(must), 'place')} must change before the switch, of {looked}",
        why=why,
        mend="see each table; tsmigrate explain-rule CODE tells more",
    )


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _were(things: Sequence[object]) -> str:
    return "was" if len(things) == 1 else "were"
