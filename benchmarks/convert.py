"""How long a table is locked by its conversion and by the way back, beside TimescaleDB's own call and the limit.

Usage: python benchmarks/convert.py [--rows 5000000] [--key uuid] [--order random] [--interval '7 days'] [--runs 1]
                                    [--edition community] [--json FILE]
The table has a key and three more indexes. The limit is what any conversion must do at least: CREATE TABLE AS and the
same indexes on the copy. Each run makes all of them, on a sandbox of its own; medians of the runs are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from tsmigrate import sandbox
from tsmigrate.capability import Edition
from tsmigrate.convert.in_place import HypertableRequest, hypertable
from tsmigrate.convert.revert import RevertRequest, plain_table
from tsmigrate.sandbox import engines, places
from tsmigrate.sql import literal
from tsmigrate.undo import Key

KEYS = {"uuid": "md5(n::text)::uuid", "bigint": "n::bigint"}
ORDERS = {"random": "random()", "time": "n::float8 / {rows}"}
TABLE = """
CREATE TABLE readings AS
SELECT {key} AS id, timestamptz '2026-01-01' + {order} * interval '100 days' AS ts, (random() * 1000)::int AS device,
       (random() * 100000)::int AS account, random() AS value, 'reading ' || n AS note
FROM generate_series(1, {rows}) n;
"""
INDEXES = """
ALTER TABLE {table} ADD PRIMARY KEY (id, ts);
CREATE INDEX ON {table} (ts DESC);
CREATE INDEX ON {table} (device, ts DESC);
CREATE INDEX ON {table} (account);
"""
# Counts alone, which the refusals need anyway.
NO_CHECKSUMS = """
EXECUTE format('SELECT count(*), 0%s FROM %s', further_counts, target) INTO counted, checksum, missing, infinite,
  earliest, latest;
"""
LIMIT, THEIRS, OURS, UNCHECKED, REVERT = (
    "CREATE TABLE AS + indexes (the limit)",
    "TimescaleDB's create_hypertable",
    "tsmigrate, in place",
    "  without checksums",
    "tsmigrate, the way back",
)
Seconds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--key", choices=KEYS, default="uuid")
    parser.add_argument("--order", choices=ORDERS, default="random")
    parser.add_argument("--interval", default="7 days")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--edition", choices=[str(edition) for edition in Edition], help="default: all found")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    editions = [Edition(options.edition)] if options.edition else sorted({found.edition for found in engines.found()})
    reports = []
    for edition in editions:
        with server(edition) as (url, versions):
            seconds = measure(url, options)
        reports.append(report(options, versions, seconds))
        show(reports[-1])
    if options.json:
        options.json.write_text(json.dumps(reports, indent=2) + "\n")


@contextmanager
def server(edition: Edition) -> Iterator[tuple[str, str]]:
    """A sandbox away from the user's own, and what runs in it."""
    folder = Path(tempfile.mkdtemp(prefix="tsm", dir="/tmp"))
    folder.chmod(0o755)  # as root, the server's account has to pass
    os.environ[places.STATE_DIR] = str(folder)
    try:
        made = sandbox.up("bench", edition=edition, settings={"timescaledb.max_background_workers": "0"})
        yield made.url, f"PostgreSQL {made.postgres}, TimescaleDB {made.timescaledb} {edition}"
    finally:
        sandbox.down("bench")
        shutil.rmtree(folder, ignore_errors=True)


def measure(url: str, options: argparse.Namespace) -> Seconds:
    request = HypertableRequest("readings", "ts", options.interval, Key("bench", "convert", "readings"), True)
    theirs = (
        f"SELECT create_hypertable('readings', 'ts', chunk_time_interval => interval {literal(options.interval)}, "
        "migrate_data => true)"
    )
    seconds: Seconds = defaultdict(list)
    run(url, "CREATE EXTENSION IF NOT EXISTS timescaledb")
    for _ in range(options.runs):
        with table(url, options):
            limit = "CREATE TABLE copy AS SELECT * FROM readings;" + INDEXES.format(table="copy")
            seconds[LIMIT].append(timed(url, limit))
            run(url, "DROP TABLE copy")
            seconds[OURS].append(timed(url, hypertable(request)))
            seconds[REVERT].append(timed(url, plain_table(RevertRequest(request.table, request.key))))
            seconds[UNCHECKED].append(timed(url, hypertable(request, rows=NO_CHECKSUMS)))
        with table(url, options):
            seconds[THEIRS].append(timed(url, theirs))
    return seconds


@contextmanager
def table(url: str, options: argparse.Namespace) -> Iterator[None]:
    order = ORDERS[options.order].format(rows=options.rows)
    made = TABLE.format(key=KEYS[options.key], order=order, rows=options.rows)
    run(url, made + INDEXES.format(table="readings"), "VACUUM ANALYZE readings")
    yield
    run(url, "DROP TABLE readings", "DROP SCHEMA IF EXISTS tsmigrate CASCADE")


def timed(url: str, statement: str) -> float:
    """The seconds of one transaction, begun with nothing left to write."""
    run(url, "CHECKPOINT")
    with connection(url) as connected, connected.cursor() as cursor:
        begin = time.perf_counter()
        cursor.execute(statement)
        connected.commit()
        return time.perf_counter() - begin


def run(url: str, *statements: str) -> None:
    with connection(url) as connected, connected.cursor() as cursor:
        connected.autocommit = True
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def connection(url: str) -> Iterator[psycopg2.extensions.connection]:
    connected = psycopg2.connect(url)
    try:
        yield connected
    finally:
        connected.close()


def report(options: argparse.Namespace, versions: str, seconds: Seconds) -> dict[str, object]:
    def ratio(a: str, b: str) -> float:
        return round(statistics.median(x / y for x, y in zip(seconds[a], seconds[b], strict=True)), 2)

    return {
        "server": versions,
        "table": f"{options.rows} rows, {options.key} key, {options.order} order, chunks of {options.interval}",
        "runs": options.runs,
        "seconds": {name.strip(): round(statistics.median(values), 2) for name, values in seconds.items()},
        "times the limit": {name.strip(): ratio(name, LIMIT) for name in (THEIRS, OURS, UNCHECKED, REVERT)},
        "TimescaleDB by ours": ratio(THEIRS, OURS),
        "client MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def show(found: dict[str, object]) -> None:
    seconds, ratios = found["seconds"], found["times the limit"]
    assert isinstance(seconds, dict) and isinstance(ratios, dict)
    print(f"{found['server']}: {found['table']}; median of {found['runs']}")
    for name in (LIMIT, THEIRS, OURS, UNCHECKED, REVERT):
        times = f"{ratios[name.strip()]:6.2f} times" if name.strip() in ratios else ""
        print(f"  {name:38} {seconds[name.strip()]:7.2f} s {times}")
    print(f"  TimescaleDB's call takes {found['TimescaleDB by ours']} times as long as ours")
    print(f"  client's peak memory {found['client MB']} MB", flush=True)


if __name__ == "__main__":
    main()
