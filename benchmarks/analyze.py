"""How long `tsmigrate analyze` takes on a database with many tables, and how much memory.

Usage: python benchmarks/analyze.py --url URL [--tables 2000] [--runs 3]
It makes the tables in a database of its own on that server (a role that may create databases), 5 columns and 3 indexes
each and statistics for all, of which every hundredth looks large and is to be converted; and drops it at the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from tsmigrate import connect
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl, parse

DATABASE = "tsmigrate_bench_analyze"
ONE = """
DO $$ BEGIN FOR number IN {first}..{last} LOOP
  EXECUTE format('CREATE TABLE %I (id bigint PRIMARY KEY, device int NOT NULL, state text, '
                 'created_at timestamptz NOT NULL DEFAULT now(), value float8)', 'events_' || number);
  EXECUTE format('INSERT INTO %I SELECT n, n %% 10, ''x'', now() - (300 - n) * interval ''1 hour'', n '
                 'FROM generate_series(1, 300) n', 'events_' || number);
  EXECUTE format('CREATE INDEX ON %I (created_at)', 'events_' || number);
  EXECUTE format('CREATE INDEX ON %I (device, created_at)', 'events_' || number);
  EXECUTE format('ANALYZE %I', 'events_' || number);
END LOOP; END $$
"""
AT_ONCE = 100  # tables a transaction: each locks what it makes
LARGE = "UPDATE pg_class SET reltuples = 5e7 WHERE relname ~ '^events_[0-9]*00$'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--tables", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    server = DatabaseUrl(parse(options.url), "--url")
    database = DatabaseUrl(server.url.set(database=DATABASE), "--url")
    drop = f"DROP DATABASE IF EXISTS {DATABASE}"
    for statement in (drop, f"CREATE DATABASE {DATABASE}"):
        outside(server, statement)
    try:
        for first in range(1, options.tables + 1, AT_ONCE):
            outside(database, ONE.format(first=first, last=min(first + AT_ONCE - 1, options.tables)))
        outside(database, LARGE)
        for arguments in (["--fast"], []):
            measured = [run(database, arguments) for _ in range(options.runs)]
            seconds, memory = (statistics.median(column) for column in zip(*measured, strict=True))
            print(f"{options.tables:,} tables, analyze {' '.join(arguments):<8}{seconds:7.2f} s{memory:8.0f} MB")
    finally:
        outside(server, drop)


def outside(database: DatabaseUrl, statement: str) -> None:
    with connect.connection(database, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw(statement))


def run(database: DatabaseUrl, arguments: list[str]) -> tuple[float, float]:
    """Seconds by the clock, and the most memory the program had, in MB."""
    program = Path(sysconfig.get_path("scripts")) / "tsmigrate"
    command = [program, "analyze", "--format", "json", "--url", database.full, *arguments]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode not in (0, 1):
        sys.exit(f"analyze ended with {running.returncode}")
    return time.monotonic() - begun, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
