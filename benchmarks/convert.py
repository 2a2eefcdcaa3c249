"""How long a table is locked by its conversion and by the way back, beside TimescaleDB's own call and the limit.

Usage: python benchmarks/convert.py [--rows 5000000] [--key uuid] [--order random] [--interval '7 days'] [--runs 1]
                                    [--their-runs 1] [--edition community] [--json FILE]
The table has a key and three more indexes. The limit is what any conversion must do at least: CREATE TABLE AS and the
same indexes on the copy. Where the server can attach, that is measured too, beside one sequential scan of all rows'
time, and apart from it the key that is built beforehand, which locks nothing. Each run makes all of them, on a sandbox
of its own. Printed are medians of the runs, and of ratios within a run, with the goal that each is to reach.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from tsmigrate import sandbox
from tsmigrate.capability import REQUIREMENTS, Edition, Version
from tsmigrate.convert.attach import attached
from tsmigrate.convert.in_place import hypertable
from tsmigrate.convert.request import HypertableRequest
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
SCAN, WORKERS_SCAN, KEY, ATTACH, DETACH = (
    "a sequential scan of all rows' time",
    "  with parallel workers",
    "the key, built beforehand (no lock)",
    "tsmigrate, attached (locks as long)",
    "  the way back from that",
)
ORDER = (LIMIT, THEIRS, OURS, UNCHECKED, REVERT, SCAN, WORKERS_SCAN, KEY, ATTACH, DETACH)
SCANNED = """
SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off;
SELECT count(ts) FROM readings
"""
ALONE = "SET LOCAL max_parallel_workers_per_gather = 0;"  # as TimescaleDB itself scans a table that it attaches
KEY_AWAY = "ALTER TABLE readings DROP CONSTRAINT readings_pkey"
BUILD_KEY = (
    "CREATE UNIQUE INDEX CONCURRENTLY readings_key ON readings (id, ts)",
    "ALTER TABLE readings ADD CONSTRAINT readings_pkey PRIMARY KEY USING INDEX readings_key",
)


@dataclass(frozen=True)
class Goal:
    """What one duration is to be, in times of another."""

    of: str
    times: str
    least: float | None = None
    most: float | None = None

    def reached(self, ratio: float) -> bool:
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    def __str__(self) -> str:
        bound = f"at least {self.least:g}" if self.least else f"at most {self.most:g}"
        return f"{self.of.strip()} / {self.times}: {bound}"


GOALS = (
    Goal(OURS, LIMIT, most=1.5),
    Goal(UNCHECKED, LIMIT, most=1.25),
    Goal(REVERT, LIMIT, most=2),
    Goal(ATTACH, SCAN, most=2),
)
RANDOM_UUID = Goal(THEIRS, OURS, least=5)  # where rows reach all chunks in turn, and a wide key is random too
Seconds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--key", choices=KEYS, default="uuid")
    parser.add_argument("--order", choices=ORDERS, default="random")
    parser.add_argument("--interval", default="7 days")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--their-runs", type=int, help="of TimescaleDB's slow call (default: as many)")
    parser.add_argument("--edition", choices=[str(edition) for edition in Edition], help="default: all found")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    editions = [Edition(options.edition)] if options.edition else sorted({found.edition for found in engines.found()})
    reports = []
    for edition in editions:
        with server(edition) as (url, versions):
            seconds = measure(url, options)
            if can_attach(url):
                seconds |= measure_attaching(url, options)
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
    for number in range(options.runs):
        with table(url, options):
            limit = "CREATE TABLE copy AS SELECT * FROM readings;" + INDEXES.format(table="copy")
            seconds[LIMIT].append(timed(url, limit))
            run(url, "DROP TABLE copy")
            seconds[OURS].append(timed(url, hypertable(request)))
            seconds[REVERT].append(timed(url, plain_table(RevertRequest(request.table, request.key))))
            seconds[UNCHECKED].append(timed(url, hypertable(request, rows=NO_CHECKSUMS)))
        if options.their_runs is None or number < options.their_runs:
            with table(url, options):
                seconds[THEIRS].append(timed(url, theirs))
    return seconds


def can_attach(url: str) -> bool:
    needed = REQUIREMENTS["attach_chunk"]
    with connection(url) as connected, connected.cursor() as cursor:
        cursor.execute(
            "SELECT extversion, _timescaledb_functions.tsl_loaded() FROM pg_extension WHERE extname = 'timescaledb'"
        )
        version, community = cursor.fetchone() or ("0.0", False)
    return bool(community) and Version.parse(version) >= needed.since


def measure_attaching(url: str, options: argparse.Namespace) -> Seconds:
    request = HypertableRequest("readings", "ts", options.interval, Key("bench", "convert", "readings"), True)
    seconds: Seconds = defaultdict(list)
    for _ in range(options.runs):
        with table(url, options):
            run(url, KEY_AWAY)
            begin = time.perf_counter()
            run(url, *BUILD_KEY)
            seconds[KEY].append(time.perf_counter() - begin)
            run(url, SCANNED)  # once for the cache, for all alike
            seconds[SCAN].append(timed(url, ALONE + SCANNED))
            seconds[WORKERS_SCAN].append(timed(url, SCANNED))
            seconds[ATTACH].append(timed(url, attached(request)))
            seconds[DETACH].append(timed(url, plain_table(RevertRequest(request.table, request.key))))
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
    goals = [*GOALS, RANDOM_UUID] if (options.key, options.order) == ("uuid", "random") else GOALS
    ratios = {goal: ratio(seconds, goal.of, goal.times) for goal in goals if goal.of in seconds}
    return {
        "server": versions,
        "table": f"{options.rows} rows, {options.key} key, {options.order} order, chunks of {options.interval}",
        "runs": options.runs,
        "seconds": {name: round(statistics.median(values), 2) for name, values in seconds.items()},
        "times the limit": {
            name: ratio(seconds, name, LIMIT) for name in (THEIRS, OURS, UNCHECKED, REVERT) if name in seconds
        },
        "goals": [{"goal": str(goal), "is": found, "reached": goal.reached(found)} for goal, found in ratios.items()],
        "client MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def ratio(seconds: Seconds, a: str, b: str) -> float:
    """The median over the runs that measured both."""
    return round(statistics.median(x / y for x, y in zip(seconds[a], seconds[b], strict=False)), 2)


def show(found: dict[str, Any]) -> None:
    print(f"{found['server']}: {found['table']}; median of {found['runs']}")
    for name in (name for name in ORDER if name in found["seconds"]):
        times = f"{found['times the limit'][name]:6.2f} times" if name in found["times the limit"] else ""
        print(f"  {name:38} {found['seconds'][name]:7.2f} s {times}")
    for goal in found["goals"]:
        print(f"  {'reached' if goal['reached'] else 'not reached':11} {goal['is']:6.2f}  {goal['goal']}")
    print(f"  client's peak memory {found['client MB']} MB", flush=True)


if __name__ == "__main__":
    main()
