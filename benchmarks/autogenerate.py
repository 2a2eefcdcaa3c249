"""What chunks cost a comparison of `alembic revision --autogenerate`: with the plugin, and by Alembic as it is.

Usage: python benchmarks/autogenerate.py [--chunks 2000] [--runs 5] [--edition any] [--plain]
Prints the median seconds of the runs on a sandbox of its own, with include_schemas: with one chunk, with all of them,
and what the others cost. `--plain` also lets Alembic compare without the plugin, once: it reflects every chunk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, Table

import tsmigrate.autogenerate  # noqa: F401 - what is measured
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.sandbox import places
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl, parse

MODELS = MetaData()
Table("reading", MODELS, Column("at", DateTime(timezone=True)), Column("value", Integer))
WITHOUT = {"autogenerate_plugins": ["alembic.autogenerate.*", "~alembic.autogenerate.tsmigrate"]}
AT_ONCE = 100  # chunks made in a transaction, for the lock table's sake


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--edition", choices=["any", *Edition], default="any")
    parser.add_argument("--plain", action="store_true", help="also without the plugin, once")
    options = parser.parse_args()
    state = Path(tempfile.mkdtemp(prefix="tsm", dir="/tmp"))
    state.chmod(0o755)
    os.environ[places.STATE_DIR] = str(state / "state")
    try:
        made = sandbox.up(edition=None if options.edition == "any" else Edition(options.edition))
        with connect.connection(DatabaseUrl(parse(made.url), "the sandbox")) as connection:
            measure(connection, options.chunks, options.runs, options.plain)
    finally:
        for found in sandbox.every():
            sandbox.down(found.sandbox.name)
        shutil.rmtree(state)


def measure(connection: Connection, chunks: int, runs: int, plain: bool) -> None:
    connection.execute(raw("CREATE EXTENSION timescaledb"))
    connection.execute(raw("CREATE TABLE reading (at timestamptz NOT NULL, value int)"))
    connection.execute(raw("SELECT create_hypertable('reading', by_range('at', interval '1 day'))"))
    fill(connection, 0, 1)
    few = median(connection, runs)
    fill(connection, 1, chunks)
    many = median(connection, runs)
    print(f"with 1 chunk            {few:8.3f} s")
    print(f"with {chunks:,} chunks       {many:8.3f} s   {many - few:+.3f} s")
    if plain:
        alone, diffs = once(connection, WITHOUT)
        print(f"without the plugin      {alone:8.3f} s   {alone / many:.0f} times as long, {diffs:,} differences")


def fill(connection: Connection, first: int, beyond: int) -> None:
    for start in range(first, beyond, AT_ONCE):
        days = f"generate_series({start}, {min(start + AT_ONCE, beyond) - 1}) AS day"
        connection.execute(
            raw(f"INSERT INTO reading SELECT timestamptz '2010-01-01 UTC' + day * interval '1 day', 1 FROM {days}")
        )
        connection.commit()


def median(connection: Connection, runs: int) -> float:
    return statistics.median(once(connection, {})[0] for _ in range(runs))


def once(connection: Connection, options: dict[str, Any]) -> tuple[float, int]:
    """The seconds of a comparison, and how many differences it found."""
    began = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):  # of types that SQLAlchemy does not know
        context = MigrationContext.configure(connection, opts={"include_schemas": True, **options})
        found = compare_metadata(context, MODELS)
    connection.rollback()
    return time.perf_counter() - began, len(found)


if __name__ == "__main__":
    main()
