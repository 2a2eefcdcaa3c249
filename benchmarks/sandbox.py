"""How long the first steps of a newcomer take: help, fetching an engine, a server up and down.

Usage: python benchmarks/sandbox.py [--runs 5] [--fetch]
Prints the median seconds of the runs. `sandbox up` is set against a bare `initdb` of the same engine, the part that no
tool can avoid.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tsmigrate.sandbox import cluster, engines, places

PROGRAM = [sys.executable, "-m", "tsmigrate"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--fetch", action="store_true", help="also fetch an engine into an empty cache (once)")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="tsm", dir="/tmp"))
    scratch.chmod(0o755)
    try:
        measure(scratch, options.runs, options.fetch)
    finally:
        shutil.rmtree(scratch)


def measure(scratch: Path, runs: int, fetch: bool) -> None:
    if fetch:
        cache = scratch / "cache"
        seconds = once(lambda: tsmigrate("sandbox", "engines", "--fetch", TSMIGRATE_CACHE_DIR=cache))
        size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        print(f"fetch an engine          {seconds:6.2f} s   {size / 1e6:.0f} MB on disk")
    state = {"TSMIGRATE_STATE_DIR": scratch / "state"}
    helped = median(runs, lambda: tsmigrate("--help"))
    made, again, removed, bare = [], [], [], []
    for _ in range(runs):
        made.append(once(lambda: tsmigrate("sandbox", "up", **state)))
        again.append(once(lambda: tsmigrate("sandbox", "up", **state)))
        removed.append(once(lambda: tsmigrate("sandbox", "down", **state)))
        bare.append(once(lambda: initdb(scratch / "bare")))
        shutil.rmtree(scratch / "bare")
    print(f"tsmigrate --help         {helped:6.2f} s")
    print(f"sandbox up, making it    {statistics.median(made):6.2f} s")
    print(f"  against a bare initdb  {statistics.median(bare):6.2f} s   {ratio(made, bare):.2f} times")
    print(f"sandbox up, running      {statistics.median(again):6.2f} s")
    print(f"sandbox down             {statistics.median(removed):6.2f} s")


def tsmigrate(*arguments: str, **environment: object) -> None:
    subprocess.run(
        [*PROGRAM, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )


def initdb(folder: Path) -> None:
    engine, account = engines.found()[0], places.server_account()
    folder.mkdir()
    places.give(folder, account)
    subprocess.run(
        [engine.program("initdb"), "--no-sync", *cluster.locale(engine.postgres), "--pgdata", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=places.bare_environment(),
        **places.switched_to(account),
    )


def once(action: Callable[[], None]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def median(runs: int, action: Callable[[], None]) -> float:
    return statistics.median(once(action) for _ in range(runs))


def ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
