"""How long splitting an attached table takes and locks, beside TimescaleDB's split_chunk by halves.

Usage: python benchmarks/split.py [--rows 1000000] [--key uuid] [--order time] [--chunks 128] [--runs 1]
The table is that of convert.py, 100 days long. By halves, split_chunk copies every row log2(chunks) times, the fewest
that it can; from one end it would copy the rest of the table for every chunk. Community only, on a sandbox of its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

from convert import KEYS, ORDERS, connection, run, server, table
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.convert.attach import attached
from tsmigrate.convert.in_place import HypertableRequest
from tsmigrate.convert.split import Done, Request, cut_all, plan
from tsmigrate.plpgsql import Locking
from tsmigrate.undo import Key
from tsmigrate.url import DatabaseUrl, parse

OURS, HALVES = "tsmigrate split", "split_chunk by halves"
Times = tuple[float, float, int]  # all of it, the longest lock, the cuts
WIDE = """
SELECT format('%%I.%%I', chunk_schema, chunk_name), range_start, range_end FROM timescaledb_information.chunks
WHERE range_end - range_start > %s
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--key", choices=KEYS, default="uuid")
    parser.add_argument("--order", choices=ORDERS, default="time")
    parser.add_argument("--chunks", type=int, default=128)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    interval = timedelta(days=100) / options.chunks
    times: dict[str, list[Times]] = defaultdict(list)
    with server(Edition.COMMUNITY) as (url, versions):
        run(url, "CREATE EXTENSION IF NOT EXISTS timescaledb")
        for _ in range(options.runs):
            for name, way in ((OURS, ours), (HALVES, halves)):
                with table(url, options):
                    asked = f"{interval.total_seconds()} seconds"
                    run(url, attached(HypertableRequest("readings", "ts", asked, Key("bench", "convert", "readings"))))
                    times[name].append(way(url, interval))
                    run(
                        url, "DROP TABLE readings CASCADE", "CREATE TABLE readings ()", "DROP SCHEMA tsmigrate_attached"
                    )
    print(
        f"{versions}: {options.rows} rows into {options.chunks} chunks, {options.order} order; median of {options.runs}"
    )
    for name, found in times.items():
        total, lock, cuts = (statistics.median(values) for values in zip(*found, strict=True))
        print(f"  {name:24} {total:7.2f} s  longest lock {lock:6.2f} s  {cuts:.0f} cuts")


def ours(url: str, _: timedelta) -> Times:
    told: list[Done] = []
    with connect.connection(DatabaseUrl(parse(url), source="the benchmark")) as connected:
        begin = time.perf_counter()
        found = plan(connected, Request("readings"))
        connected.rollback()
        cut_all(connected, found, found.cuts, Locking(), told.append)
        total = time.perf_counter() - begin
    ends = [0.0, *(done.seconds for done in told)]
    return total, max(after - before for before, after in pairwise(ends)), len(told)


def halves(url: str, interval: timedelta) -> Times:
    cuts: list[float] = []
    begin = time.perf_counter()
    with connection(url) as connected, connected.cursor() as cursor:
        connected.autocommit = True
        while True:
            cursor.execute(WIDE, (interval,))
            wide = cursor.fetchall()
            if not wide:
                return time.perf_counter() - begin, max(cuts), len(cuts)
            for chunk, start, end in wide:
                # On the interval's grid, as near to the middle as it goes.
                at = end - max((end - start) // interval // 2, 1) * interval
                cut = time.perf_counter()
                cursor.execute("CALL split_chunk(%s::regclass, %s)", (chunk, at))
                cuts.append(time.perf_counter() - cut)


if __name__ == "__main__":
    main()
