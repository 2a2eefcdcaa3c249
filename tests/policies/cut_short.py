"""`tsmigrate policies` in a process of its own, which tells where it is and comes to a sudden end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import Engine, event

from tsmigrate.url import DatabaseUrl

_context = get_context("forkserver")  # a new interpreter for each would take a second
_context.set_forkserver_preload(["tsmigrate.promote", "tsmigrate.cli.app"])


def killed(database: DatabaseUrl, command: str, before: int) -> bool:
    """Whether it came to that statement or commit, and was killed before it."""
    process = _context.Process(target=_killing_itself, args=(database.full, command, before))
    process.start()
    process.join(120)
    assert process.exitcode in {0, -signal.SIGKILL}, process.exitcode
    return process.exitcode != 0


@dataclass(frozen=True)
class Waiting:
    """One that waits before the first statement that contains a text."""

    process: ForkServerProcess
    _told: Connection
    _said: Path

    def __post_init__(self) -> None:
        assert self._told.poll(60), "it never came to that statement"
        self._told.recv()

    def go(self) -> None:
        self._told.send(None)

    def ended(self) -> int:
        self.process.join(120)
        assert self.process.exitcode is not None
        return self.process.exitcode

    @property
    def said(self) -> str:
        return self._said.read_text()


def waiting(database: DatabaseUrl, command: str, text: str, said: Path) -> Waiting:
    ours, theirs = _context.Pipe()
    process = _context.Process(target=_waiting_before, args=(database.full, command, text, theirs, str(said)))
    process.start()
    return Waiting(process, ours, said)


def _killing_itself(url: str, command: str, before: int) -> None:
    number = 0

    def count(*_: object) -> None:
        nonlocal number
        number += 1
        if number == before:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", count)
    _run(url, command, count, os.devnull)


def _waiting_before(url: str, command: str, text: str, told: Connection, said: str) -> None:
    waited = False

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal waited
        if not waited and text in statement:
            waited = True
            told.send(None)
            told.recv()

    _run(url, command, look, said)


def _run(url: str, command: str, before: Callable[..., None], said: str) -> None:
    from tsmigrate.cli.app import main

    event.listen(Engine, "before_cursor_execute", before)
    for stream in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.argv = ["tsmigrate", "policies", command, "--url", url]
    main()
