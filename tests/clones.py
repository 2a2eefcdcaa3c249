"""Copies of a template database, a fresh one for each test."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from types import TracebackType

from support import TestServer
from tsmigrate import connect
from tsmigrate.sql import identifier
from tsmigrate.url import DatabaseUrl

_numbers = count(1)
Make = Callable[[DatabaseUrl], None]


class Clones:
    """The next copy is made, and the last one dropped, while a test runs: each takes the server a tenth of a second.

    All by one session, which the worker keeps: to open one for each would cost as much as a copy.
    """

    def __init__(self, server: TestServer, template: str) -> None:
        self._server, self._template = server, template
        self._maintenance = connect.engine(
            server.database(server.maintenance_dbname), isolation_level="AUTOCOMMIT"
        ).connect()
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._next = self._worker.submit(self._made, template)
        self._prepared: dict[str, str] = {}
        self._dropped: list[Future[None]] = []

    def take(self) -> str:
        taken = self._next.result()
        self._next = self._worker.submit(self._made, self._template)
        return taken

    def prepared(self, what: str, make: Make) -> str:
        """A copy as `make` leaves it. It is called once; whoever asks for the same `what` later gets the same."""
        if what not in self._prepared:
            self._prepared[what] = self.take()
            make(self._server.database(self._prepared[what]))
        return self._worker.submit(self._made, self._prepared[what]).result()

    def drop(self, name: str) -> None:
        self._dropped.append(self._worker.submit(self._run, f"DROP DATABASE {identifier(name)} WITH (FORCE)"))

    def __enter__(self) -> Clones:
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        for name in (self._next.result(), *self._prepared.values()):
            self.drop(name)
        self._worker.shutdown()
        for each in self._dropped:
            each.result()  # raises what went wrong
        self._maintenance.close()

    def _made(self, template: str) -> str:
        name = f"tsmigrate_test_{os.getpid()}_{next(_numbers)}"
        # Copying the files takes less than logging every block does.
        self._run(f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(template)} STRATEGY FILE_COPY")
        return name

    def _run(self, statement: str) -> None:
        self._maintenance.exec_driver_sql(statement)
