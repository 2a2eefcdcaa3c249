"""What a refresh of one day of an emulated aggregate costs, with little and with much history.

Usage: python benchmarks/emulate.py [--rows 1000000 10000000] [--runs 5]
Every day holds the same number of rows, in a chunk of its own, whatever the history. The day in the middle is
refreshed, on a sandbox of the Apache edition. Besides the time it tells the blocks that the server touched (hits and
reads), which a busy machine does not change.
"""

from __future__ import annotations

import argparse
import statistics
import time

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text

import tsmigrate.ops  # noqa: F401 - makes the operations available as op.…
from convert import run, server
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.ops.continuous_aggregate import CreateContinuousAggregate
from tsmigrate.ops.run import OnUnsupported, Run
from tsmigrate.plpgsql import Locking
from tsmigrate.policies import runner, state
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl, parse

ROWS_A_DAY = 10_000
QUERY = """
SELECT time_bucket('1 hour', at) AS hour, device, count(*) AS rows, avg(value) AS mean FROM reading GROUP BY 1, 2
"""
BLOCKS = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    costs: list[tuple[float, float]] = []
    with server(Edition.APACHE) as (url, versions):
        print(versions)
        for rows in options.rows:
            costs.append(cost(url, rows, options.runs))
            seconds, blocks = costs[-1]
            print(f"{rows:>12,} rows of history: one day in {seconds * 1000:.1f} ms, {blocks:,.0f} blocks")
    for what, place in (("time", 0), ("blocks", 1)):
        print(f"{what}: {costs[-1][place] / costs[0][place]:.2f} times as much")


def cost(url: str, rows: int, runs: int) -> tuple[float, float]:
    """The median of the time, and of the blocks, that a refresh of the day in the middle takes."""
    run(
        url,
        "DROP TABLE IF EXISTS reading CASCADE",
        "DROP SCHEMA IF EXISTS tsmigrate CASCADE",
        "CREATE EXTENSION IF NOT EXISTS timescaledb",
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value float8)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
    )
    days = rows // ROWS_A_DAY
    for first in range(0, days, 50):
        run(
            url,
            "INSERT INTO reading SELECT timestamptz '2020-01-01+00' + n * interval '1 day' / "
            f"{ROWS_A_DAY}, n % 20, n FROM generate_series({first * ROWS_A_DAY}, "
            f"{min(first + 50, days) * ROWS_A_DAY - 1}) AS n",
        )
    run(url, "ANALYZE reading")
    with connect.connection(DatabaseUrl(parse(url), source="the benchmark")) as connection:
        create(connection)
        (aggregate,) = state.policies(connection)
        connection.rollback()
        runner.refreshed(connection, aggregate, None, None)
        day = connection.execute(
            text("SELECT (timestamptz '2020-01-01+00' + make_interval(days => :days))::text"), {"days": days // 2}
        ).scalar_one()
        end = connection.execute(
            text("SELECT (CAST(:day AS timestamptz) + interval '1 day')::text"), {"day": day}
        ).scalar_one()
        connection.rollback()
        found = [_measured(connection, aggregate, day, end) for _ in range(runs)]
    return statistics.median(seconds for seconds, _ in found), statistics.median(blocks for _, blocks in found)


def create(connection: Connection) -> None:
    operation = CreateContinuousAggregate("hourly", None, QUERY)
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for statement in operation.statements(Run("bench", Locking(), OnUnsupported.EMULATE)):
            connection.execute(raw(statement))
    connection.commit()


def _measured(connection: Connection, aggregate: state.Policy, day: str, end: str) -> tuple[float, float]:
    before = _blocks(connection)
    begun = time.perf_counter()
    done = runner.refreshed(connection, aggregate, day, end)
    seconds = time.perf_counter() - begun
    assert done["rows_written"] == 24 * 20
    return seconds, _blocks(connection) - before


def _blocks(connection: Connection) -> int:
    """As of now: a session tells what it did when it is idle, or asked."""
    connection.execute(text("SELECT pg_stat_force_next_flush()"))
    connection.commit()
    blocks = int(connection.execute(text(BLOCKS)).scalar_one())
    connection.rollback()
    return blocks


if __name__ == "__main__":
    main()
