"""Who works on a sandbox right now, and whose it is: locked files beside the sandboxes, which no death outlives."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tsmigrate.errors import SandboxError
from tsmigrate.sandbox import places


@contextlib.contextmanager
def locked(name: str) -> Iterator[IO[str]]:
    """One at a time a sandbox. The lock file may be deleted by its holder; then a waiter takes the new one."""
    with _held(_lock_file(name)) as lock:
        yield lock


def wait(name: str) -> None:
    """Until nobody has `locked` it."""
    try:
        with _lock_file(name).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
    except OSError:
        return


def _lock_file(name: str) -> Path:
    return places.sandboxes() / f".{name}.lock"


@contextlib.contextmanager
def owned(name: str) -> Iterator[None]:
    """Mark it as this process's, until `disown`."""
    with _held(_mark(name)):
        yield


def disown(name: str) -> None:
    _mark(name).unlink(missing_ok=True)


def abandoned() -> Iterator[str]:
    """The names of what was `owned` by a process that died; each is ours until the next one is asked for."""
    for mark in sorted(places.sandboxes().glob(f".*{_OWNER}")):
        with contextlib.suppress(OSError), mark.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield mark.name.removeprefix(".").removesuffix(_OWNER)


def _mark(name: str) -> Path:
    return places.sandboxes() / f".{name}{_OWNER}"


_OWNER = ".owner"


@contextlib.contextmanager
def _held(path: Path) -> Iterator[IO[str]]:
    while True:
        try:
            places.make_enterable(path.parent)
            lock = path.open("w")
        except OSError as error:
            raise SandboxError(
                f"{path.parent} cannot be written: {error.strerror}",
                mend=f"make it writable, or set {places.STATE_DIR} to another folder",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                current = path.stat().st_ino == os.fstat(lock.fileno()).st_ino
            except FileNotFoundError:
                current = False
            if current:
                yield lock
                return
