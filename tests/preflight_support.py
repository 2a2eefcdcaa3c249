"""Tables for the pre-flight to look at, and what it finds."""

from __future__ import annotations

from typing import Any

from convert_support import Session
from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.preflight import Report, Request, examine
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import raw

TABLE = "CREATE TABLE readings (id bigint, ts timestamptz NOT NULL, value int, PRIMARY KEY (id, ts));"


def examined(session: Session, table: Relation | str = "readings", **asked: Any) -> Report:
    column, interval = asked.pop("column", "ts"), asked.pop("interval", "1 day")
    with connect.connection(session.database) as connection:
        if session.role:
            connection.execute(raw(f'SET SESSION AUTHORIZATION "{session.role}"'))
        return examine(connection, Request(table, column, interval, **asked))


def found(report: Report, check: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.check == check]


def serious(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity in {Severity.BLOCKER, Severity.WARNING}]
