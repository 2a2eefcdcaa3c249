"""Lints files: reads each, finds the SQL in it and judges it, in as many processes as there are cores."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tsmigrate.lint import suppress
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.snippet import Judged, Snippet, each
from tsmigrate.lint.sources.source import UnreadableError, finder

SECONDS_PER_FILE = 60
LARGEST = 256 * 1024 * 1024
_FEW = 24  # files that are not worth starting processes for
_BETWEEN_COLLECTIONS = 50_000  # objects
_BINARY = 4096  # bytes looked at


class TooLongError(Exception):
    """A file took longer than a file may."""


@dataclass(frozen=True)
class Job:
    engine: Engine
    seconds: int = SECONDS_PER_FILE
    require_reason: bool = False


def lint_file(job: Job, path: str) -> Judged:
    """One file. Whatever is wrong with it is a note about that file; the rest is linted."""
    judging = job.engine.file(path, b"")
    try:
        size = Path(path).stat().st_size
        if size > LARGEST:
            return _noted(judging.found, path, f"larger than {LARGEST // 1024 // 1024} MB")
        content = Path(path).read_bytes()
    except OSError as error:
        return _noted(judging.found, path, f"cannot be read: {error.strerror}")
    find = finder(path)
    if find is None or b"\0" in content[:_BINARY]:
        return _noted(judging.found, path, "binary") if find is not None else judging.found
    if not path.endswith(".sql") and not job.engine.names.within_program(content):
        return judging.found
    judging = job.engine.file(path, content)
    try:
        with _limited(job.seconds):
            for snippet in find(content, job.engine.names):
                judging.judge(snippet)
    except UnreadableError as error:
        _noted(judging.found, path, str(error))
    except TooLongError:
        judging.telling.unparsable(0, f"took longer than {job.seconds} s", Snippet(b""))
    except (RecursionError, MemoryError):
        judging.telling.unparsable(0, "nested too deeply", Snippet(b""))
    found = judging.found
    found.violations = list(each(found.violations))
    sifted = suppress.sift(
        path,
        content,
        found.violations,
        statements=judging.statement_lines(),
        severities={code: job.engine.rules.severity(rule) for code, rule in job.engine.of_source.items()},
        off=job.engine.rules.off,
        require_reason=job.require_reason,
    )
    found.violations, found.suppressed = sifted.kept, sifted.suppressed
    return found


def _noted(judged: Judged, path: str, why: str) -> Judged:
    judged.unparsed.append((path, 0, why))
    return judged


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Interrupt what takes too long, where the system can (not on Windows, not in a thread)."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooLongError

    try:
        before = signal.signal(signal.SIGALRM, stop)
    except (ValueError, AttributeError):
        yield
        return
    # Again and again: what is raised while garbage is collected gets lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


_job: Job | None = None


def _start(job: Job) -> None:
    global _job  # noqa: PLW0603 - a process of the pool has the job once, not with every file
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one(path: str) -> Judged:
    assert _job is not None  # noqa: S101 - the pool has started this process
    return lint_file(_job, path)


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Trees of statements and programs come and go by the thousand; looking for loops in them takes its time."""
    before = gc.get_threshold()
    gc.set_threshold(_BETWEEN_COLLECTIONS, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def lint(job: Job, files: Iterable[Path], *, jobs: int | None = None) -> Iterator[Judged]:
    """Each file's result, in the order of the files."""
    with _collecting_rarely():
        yield from _each(job, files, jobs)


def _each(job: Job, files: Iterable[Path], jobs: int | None) -> Iterator[Judged]:
    names = [str(file) for file in files]
    processes = min(jobs or os.cpu_count() or 1, len(names))
    small = len(names) <= _FEW and _bytes(names) < 1_000_000
    if processes <= 1 or (small and jobs is None):
        for name in names:
            yield lint_file(job, name)
        return
    import multiprocessing  # noqa: PLC0415 - a few files are linted without, and sooner

    chunk = max(1, min(64, len(names) // (processes * 4)))
    with multiprocessing.get_context("fork").Pool(processes, _start, (job,)) as pool:
        yield from pool.imap(_one, names, chunk)


def _bytes(names: Sequence[str]) -> int:
    total = 0
    for name in names:
        try:
            total += Path(name).stat().st_size
        except OSError:
            continue
    return total
