"""The pre-flight of each table to convert: within a time limit, and never a scan without an end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from sqlalchemy import Connection

from tsmigrate.advise.advice import Advice, Plan
from tsmigrate.advise.names import shown
from tsmigrate.convert.preflight import Report, Request, examine
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import raw

SECONDS = 4.0  # after which none begins, unless tables were named
A_STATEMENT = 2.0  # at most, for one that reads rows
OF_CATALOGS = 10.0


@dataclass(frozen=True)
class Obstacles:
    """Findings by table; those that every table has in common are the server's."""

    server: tuple[Finding, ...]
    of_table: Mapping[int, tuple[Finding, ...]]
    left_out: tuple[Advice, ...]  # for want of time


def obstacles(
    connection: Connection,
    advices: Sequence[Advice],
    progress: Callable[[str], None],
    *,
    fast: bool = False,
    limit: float | None = SECONDS,
) -> Obstacles:
    """The largest tables first. The connection must not be in a transaction: each table has its own."""
    begun = monotonic()
    found: dict[int, tuple[Finding, ...]] = {}
    left_out = []
    planned = [(advice, advice.plan) for advice in advices if advice.plan is not None]
    for advice, plan in sorted(planned, key=lambda each: -each[0].table.size):
        if limit is not None and monotonic() - begun > limit:
            left_out.append(advice)
            continue
        progress(f"pre-flight of {shown(advice.table.relation)}")
        found[advice.table.oid] = _findings(connection, advice, plan, fast)
    examined = [
        found[advice.table.oid] for advice, plan in planned if not plan.comes_from and advice.table.oid in found
    ]
    common = _common(examined)
    of_table = {oid: tuple(each for each in findings if each not in common) for oid, findings in found.items()}
    return Obstacles(common, of_table, tuple(left_out))


def _findings(connection: Connection, advice: Advice, plan: Plan, fast: bool) -> tuple[Finding, ...]:
    if plan.comes_from:
        return (
            Finding(
                "column to add",
                Severity.NOTE,
                f"{plan.column} is not there yet: the pre-flight comes after it",
                mend=plan.comes_from,
            ),
        )
    request = Request(advice.table.relation, plan.column, plan.interval.value, fast)
    return tuple(finding for finding in looked(connection, request) if not _settled(finding, plan))


def _settled(finding: Finding, plan: Plan) -> bool:
    """The pre-flight knows one table: what it says of a key between two that are converted, the plan knows better."""
    return finding.check in {"foreign key fate", "foreign keys out"} and any(
        fate.choice == "drop" and fate.name in finding.seen for fate in plan.foreign_keys
    )


def looked(connection: Connection, request: Request) -> tuple[Finding, ...]:
    """With rows where there is time for them; else by statistics; and if not even that, the reason."""
    if request.fast:
        return _by_statistics(connection, request)
    try:
        return _examined(connection, request, A_STATEMENT)
    except BlockedError as stopped:
        told = Finding(
            "rows not read",
            Severity.NOTE,
            f"its rows were not looked at: {stopped.message}",
            why=f"a statement may take {A_STATEMENT:.0f} s here; what is said of rows is by statistics",
            mend=f"tsmigrate preflight, which has no such limit, for {request.table} by {request.column}",
        )
        # Nobody has asked for --fast, which this would tell to leave out.
        return (*(finding for finding in _by_statistics(connection, request) if finding.check != "looked"), told)


def _by_statistics(connection: Connection, request: Request) -> tuple[Finding, ...]:
    try:
        return _examined(connection, replace(request, fast=True), OF_CATALOGS)
    except BlockedError as stopped:
        return (Finding("pre-flight", Severity.WARNING, f"it was cut off: {stopped.message}", mend=stopped.mend),)


def _examined(connection: Connection, request: Request, seconds: float) -> tuple[Finding, ...]:
    connection.rollback()
    connection.execute(raw(f"SET LOCAL statement_timeout = {seconds * 1000:.0f}"))
    try:
        report: Report = examine(connection, request)
    finally:
        connection.rollback()
    return tuple(finding for finding in report.findings if finding.severity is not Severity.OK)


def _common(all_findings: Sequence[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    if len(all_findings) < 2:
        return ()
    return tuple(finding for finding in all_findings[0] if all(finding in each for each in all_findings[1:]))
