"""An attached table of ten days, and splitting it."""

from __future__ import annotations

from typing import Any

from attach_support import READINGS
from convert_support import NO_WAIT, Session
from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.split import Plan, Request, alone, cut_all, plan
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import raw

ATTACHED = "tsmigrate_attached.tsmigrate_attached"
TEN_DAYS = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, v int, text text,
                       twice int GENERATED ALWAYS AS (v * 2) STORED, PRIMARY KEY (id, ts));
INSERT INTO readings (ts, v) SELECT '2026-01-01 06:00Z'::timestamptz + n * interval '1 hour', n
FROM generate_series(0, 239) n;
"""
ALL = 1_000
CUTS = 9  # the day that was last holds too few rows for a cut of its own


def planned(session: Session, table: Relation = READINGS, **asked: Any) -> Plan:
    with connect.connection(session.database) as connection:
        return plan(connection, Request(table, **asked))


def split(
    session: Session, table: Relation = READINGS, *, cuts: int = ALL, locking: Locking = NO_WAIT, **asked: Any
) -> int:
    """How many cuts were made."""
    with connect.connection(session.database) as connection, alone(connection, Request(table, **asked)):
        if session.role:
            connection.execute(raw(f'SET SESSION AUTHORIZATION "{session.role}"'))
        found = plan(connection, Request(table, **asked))
        assert not [finding for finding in found.findings if finding.severity == "blocker"], found.findings
        return cut_all(connection, found, found.cuts[:cuts], locking, lambda _: None).cuts


def chunks(session: Session) -> list[tuple[Any, ...]]:
    return list(
        session.rows(
            "SELECT chunk_schema, range_start, range_end FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'readings' ORDER BY range_start"
        )
    )
