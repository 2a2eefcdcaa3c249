"""Words that several test modules of operations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.sql import raw


def refusal(migration: Any, step: Callable[[], None]) -> str:
    """What `step` is refused with, having changed nothing."""
    before = migration.snapshot()
    with pytest.raises(DBAPIError) as refused:
        migration.run(step)
    assert refused.value.orig.pgcode == "TSM01"
    assert migration.snapshot() == before
    return str(refused.value.orig)


def alone(migration: Any, statement: str) -> None:
    """Run what cannot run in a transaction."""
    with connect.connection(migration.database) as connection:
        connection.connection.driver_connection.autocommit = True  # type: ignore[union-attr]
        connection.execute(raw(statement))


def run_job(migration: Any, procedure: str) -> None:
    """Let the one job of that procedure run now."""
    query = (
        f"SELECT format('CALL run_job(%s)', job_id) FROM timescaledb_information.jobs WHERE proc_name = '{procedure}'"
    )
    alone(migration, migration.value(query))


def many_chunks(migration: Any, number: int) -> None:
    """The hypertable reading with its columnstore enabled and a row in each of so many chunks, long ago."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value real, PRIMARY KEY (device, at))",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')",
    )
    for day in range(number):  # a transaction each, for the lock table's sake
        migration.execute(
            f"INSERT INTO reading VALUES (timestamptz '2020-01-01 UTC' + interval '{day} days', 1, {day})"
        )


def refresh(migration: Any, name: str = "Hourly %") -> None:
    alone(migration, f"CALL refresh_continuous_aggregate('\"{name}\"', NULL, NULL)")


def forget(migration: Any) -> None:
    """Let the aggregate be one that another revision created."""
    migration.execute("DROP SCHEMA tsmigrate CASCADE")
