"""How fast the linter reads: SQL with none, a third and all of it on hypertables, Python, a cold start, memory.

Usage: python benchmarks/lint.py [--statements 60000] [--runs 3] [--files 100000]
The rates are per second of processor time of one core; where it says so, per second of the clock. The shapes of the
statements vary (names of columns, number of conditions), their literals in each. The last column says whether the
target is reached: 50,000 statements/s on one core and 90,000 on two where a third is on hypertables, 10 MB/s of Python,
ten files from a cold start in less than 0.35 s, and memory that does not grow with the number of files. What is printed
goes into docs/measurements.md as it is. With sqlfluff and squawk on the PATH the same file is given to them, cut to
what they read in a while.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Hypertable, Known, Name
from tsmigrate.lint.run import Job, lint
from tsmigrate.lint.shapes import Shapes
from tsmigrate.lint.target import DEFAULT

PER_CORE, ON_TWO, PYTHON, COLD, FLAT = 50_000, 90_000, 10.0, 0.35, 1.05  # the targets
HYPERTABLES = ("outbound_messages", "inbound_messages", "delivery_reports", "readings")
PLAIN = ("accounts", "profiles", "numbers", "countries", "invoices", "users")
COLUMNS = [f"{word}_{number}" for word in ("state", "amount", "kind", "owner", "note") for number in range(8)]
DECLARED = "[hypertables]\n" + "".join(f'"{name}" = "created_at"\n' for name in HYPERTABLES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--statements", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--shapes", type=int, default=400, help="different statements of which the file is made")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "tsmigrate.toml").write_text(DECLARED)
        for share, name in ((0.0, "none"), (1 / 3, "a third"), (1.0, "all")):
            sql(folder, f"{name} on hypertables", share, options.shapes, options)
        for share, name in ((1 / 3, "a third"), (1.0, "all")):
            sql(folder, f"{name}, every statement different", share, options.statements, options)
            sql(folder, f"{name}, no shape remembered", share, options.statements, options, forgetful=True)
        two_processes(folder, options)
        python(folder, options.runs)
        cold_start(folder, options.runs)
        many_files(folder, options.files)
        others(folder)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def told(name: str, value: str, reached: bool | None = None) -> None:
    """One line of the report; `reached`: the target, where there is one."""
    verdict = "" if reached is None else "   reached" if reached else "   NOT reached"
    print(f"{name:37} {value:54}{verdict}".rstrip(), flush=True)


def engine() -> Engine:
    known = Known()
    for name in HYPERTABLES:
        known.hypertables[Name("public", name)] = Hypertable(Name("public", name), "created_at")
    return Engine(known, DEFAULT)


def shape(number: int, share: float) -> str:
    """A statement as applications write them, with marks for its literals."""
    chance = random.Random(number)
    on_hypertable = chance.random() < share
    table = chance.choice(HYPERTABLES if on_hypertable else PLAIN)
    other = chance.choice(PLAIN)
    columns = chance.sample(COLUMNS, 6)
    where = f"t.{columns[0]} = {{}}" + "".join(f" AND t.{one} > {{}}" for one in columns[1 : chance.randrange(1, 4)])
    if on_hypertable and chance.random() < 0.8:
        where += " AND t.created_at >= now() - interval '7 days'"
    return chance.choice(
        [
            f"SELECT t.{columns[4]}, t.{columns[5]} FROM {table} AS t WHERE {where}",
            f"SELECT t.id, o.{columns[5]} FROM {table} t JOIN {other} o ON o.id = t.{columns[4]} WHERE {where}",
            f"SELECT t.{columns[4]}, count(*) FROM {table} t WHERE {where} GROUP BY t.{columns[4]}",
            f"UPDATE {table} t SET {columns[4]} = {{}} WHERE {where}",
            f"INSERT INTO {table} ({columns[0]}, {columns[1]}, created_at) VALUES ({{}}, {{}}, '2026-01-01')",
        ]
    )


def written(share: float, shapes: int, count: int) -> str:
    made = [shape(number, share) for number in range(shapes)]
    chance = random.Random(1)
    marks = [chance.choice(made) if shapes < count else made[number] for number in range(count)]
    return ";\n".join(one.format(*(chance.randrange(1000, 10**7) for _ in range(one.count("{}")))) for one in marks)


def sql(
    folder: Path, name: str, share: float, shapes: int, options: argparse.Namespace, *, forgetful: bool = False
) -> None:
    """`forgetful`: each statement is judged as if its like had never been met."""
    file = folder / "statements.sql"
    file.write_text(written(share, shapes, options.statements))
    used, passed = [], []
    for _ in range(options.runs):
        job = Job(engine(), seconds=3600)
        if forgetful:
            job.engine.shapes = Shapes()
        start, clock = time.process_time(), time.perf_counter()
        [judged] = lint(job, [file], jobs=1)
        used.append(time.process_time() - start)
        passed.append(time.perf_counter() - clock)
    rate, wall = judged.statements / statistics.median(used), judged.statements / statistics.median(passed)
    value = f"{rate:9,.0f} statements/s  {wall:9,.0f} by the clock  {len(judged.violations):6,} findings"
    told(name, value, rate >= PER_CORE if share == 1 / 3 and not forgetful else None)


def two_processes(folder: Path, options: argparse.Namespace) -> None:
    """Eight files in two processes, by the clock: the machine has to be idle for this to say anything."""
    parts = folder / "parts"
    parts.mkdir()
    for number in range(8):
        (parts / f"p{number}.sql").write_text(written(1 / 3, options.shapes, options.statements // 2))
    passed = []
    for _ in range(options.runs):
        clock = time.perf_counter()
        count = sum(judged.statements for judged in lint(Job(engine()), sorted(parts.iterdir()), jobs=2))
        passed.append(time.perf_counter() - clock)
    rate = count / min(passed)
    told("a third, in two processes", f"{'':22}  {rate:9,.0f} by the clock, best", rate >= ON_TWO)


def python(folder: Path, runs: int) -> None:
    """The standard library, in which no query on a hypertable is, the same with one in some and in each file, and a
    file of nothing but functions with a query each.
    """
    library = [path for path in sorted(Path(statistics.__file__).parent.glob("*.py")) if path.stat().st_size > 2000]
    lines = "".join(
        f"def load_{number}(connection, number):\n"
        f'    """Loads what belongs to the number."""\n'
        f'    return connection.execute("{shape(number, 1.0).replace("{}", "%s")}", [number])\n\n\n'
        for number in range(4000)
    )
    (folder / "queries.py").write_text(lines)
    mixed = folder / "mixed"
    mixed.mkdir()
    for number, path in enumerate(library):
        query = f'\n\nQUERY = "{shape(number, 1.0).replace("{}", "%s")}"\n'
        (mixed / path.name).write_text(path.read_text() + query)
    some = [mixed / path.name if number % 10 == 0 else path for number, path in enumerate(library)]
    for name, files in (
        ("Python without queries", library),
        ("Python, a query in every tenth file", some),
        ("Python, a query in each file", sorted(mixed.iterdir())),
        ("Python full of queries", [folder / "queries.py"]),
    ):
        size = sum(path.stat().st_size for path in files) / 1e6
        used = [cpu(files) for _ in range(runs)]
        rate = size / statistics.median(used)
        told(name, f"{rate:9.1f} MB/s", rate >= PYTHON)


def cpu(files: list[Path]) -> float:
    job, start = Job(engine()), time.process_time()
    for _ in lint(job, files, jobs=1):
        pass
    return time.process_time() - start


def cold_start(folder: Path, runs: int) -> None:
    small = folder / "small"
    small.mkdir()
    for number in range(10):
        (small / f"q{number}.sql").write_text(written(1 / 3, 50, 50))
    (small / "tsmigrate.toml").write_text(DECLARED)
    used, passed = [], []
    for _ in range(runs):
        before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([*PROGRAM, "lint-queries", str(small), "--statistics"], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        passed.append(time.perf_counter() - clock)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    value = f"{statistics.median(used):9.2f} s of processor  {min(passed):12.2f} s by the clock, best"
    told("ten files from a cold start", value, min(passed) < COLD)


PROGRAM = [sys.executable, "-m", "tsmigrate"]


def many_files(folder: Path, count: int) -> None:
    """Whether memory grows with the number of files."""
    many = folder / "many"
    text = written(1 / 3, 5, 5)
    for number in range(count):
        file = many / str(number // 1000) / f"q{number}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    paths = sorted(many.rglob("*.sql"))
    job, peaks = Job(engine()), []
    for number, judged in enumerate(lint(job, paths, jobs=1)):
        del judged
        if number in (count // 10, count - 1):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    value = f"{peaks[0]:9.0f} MB after a tenth {peaks[-1]:10.0f} MB after all"
    told(f"{count:,} files", value, peaks[-1] < peaks[0] * FLAT)
    shutil.rmtree(many)


def others(folder: Path) -> None:
    """Other linters of SQL on the same statements: what they look for differs, the reading does not."""
    sample = folder / "sample.sql"
    for program, arguments, statements in (
        ("squawk", [], 20_000),
        ("sqlfluff", ["lint", "--dialect", "postgres"], 100),
    ):
        path = shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if path is None:
            told(program, "not installed")
            continue
        sample.write_text(written(1 / 3, 400, statements) + ";\n")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([path, *arguments, str(sample)], capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told(program, f"{statements / used:9,.0f} statements/s")


if __name__ == "__main__":
    main()
