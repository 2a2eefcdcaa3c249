"""Every check, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability
from tsmigrate.capability import Server
from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.convert import estimate
from tsmigrate.convert.estimate import Outlook
from tsmigrate.convert.preflight import scan
from tsmigrate.convert.preflight.check import checks
from tsmigrate.convert.preflight.subject import Progress, Request, Rows, Sizes, Subject, find
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import raw

LOCK_TIMEOUT = "5s"  # reading is stopped by a lock for exclusive use only


@dataclass(frozen=True)
class Report:
    findings: list[Finding]  # severest first
    server: Server
    table: str
    column: str
    interval: str | int | None
    rows: Rows
    sizes: Sizes
    outlook: Outlook | None
    locks: int | None  # that all chunks together need
    lock_room: int


def examine(connection: Connection, request: Request, progress: Progress | None = None) -> Report:
    """All findings. The connection's transaction is made read-only, once a sample has been tried and forgotten."""
    progress = progress or _silent
    server = capability.ask(connection)
    connection.execute(raw(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    progress("reading the catalogs")
    try:
        subject = find(connection, request, server, progress)
        outlook = estimate.look(connection, subject.name, column=request.column, probing=not request.fast)
        connection.execute(raw("SET TRANSACTION READ ONLY"))
        subject = replace(subject, outlook=outlook)
        subject = replace(subject, rows=scan.look(subject))
        findings = [finding for check in checks() for finding in check.look(subject)]
    except DBAPIError as error:
        raise _stopped(error, request) from error
    severities = list(Severity)
    return Report(
        findings=sorted(findings, key=lambda finding: severities.index(finding.severity)),
        server=server,
        table=subject.name,
        column=request.column,
        interval=subject.request.interval,
        rows=subject.rows,
        sizes=subject.sizes,
        outlook=subject.outlook,
        locks=_locks(subject),
        lock_room=server.locks.table_size,
    )


def _silent(_step: str) -> None:
    """For a caller that shows nothing."""


def _locks(subject: Subject) -> int | None:
    if subject.rows.chunks is None:
        return None
    return subject.rows.chunks * int(subject.rows_of("SELECT facts.locks_a_chunk")[0][0])


def _stopped(error: DBAPIError, request: Request) -> BlockedError:
    """The server refused to answer: usually because somebody holds the table, or a timeout is set."""
    says = reason_given(error)
    mend = "try again; or --fast, which reads no rows"
    if sqlstate(error) == "55P03":
        mend = "wait for whoever holds the table exclusively (pg_locks, pg_blocking_pids), or try again"
    return BlockedError(f"{request.table} could not be looked at: {says}", mend=mend)
