"""Count the statements of a revision, and end its connection after a given one, as a lost network or server would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from tsmigrate import connect
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

_SECONDS_TO_DIE = 10


class Statements:
    def __init__(self, scratch: DatabaseUrl, crash_after: int) -> None:
        self.count = 0
        self.crashed = False
        self._scratch = scratch
        self._crash_after = crash_after
        self._counting = False
        event.listen(Engine, "after_cursor_execute", self._executed)

    def counted(self, migrate: Callable[..., Any]) -> Callable[..., Any]:
        """`migrate`, its statements counted; not those by which Alembic keeps its version table."""

        def run(*arguments: Any, **named: Any) -> Any:
            with self._on(True):
                return migrate(*arguments, **named)

        return run

    @contextmanager
    def _on(self, counting: bool) -> Iterator[None]:
        before, self._counting = self._counting, counting
        try:
            yield
        finally:
            self._counting = before

    def _executed(self, connection: Connection, *_: Any) -> None:
        if not self._counting:
            return
        self.count += 1
        if self.count == self._crash_after:
            with self._on(False):
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone() or (0,)
        cursor.close()
        with connect.connection(self._scratch) as other:
            ended = raw(f"SELECT pg_terminate_backend({int(pid)}, {_SECONDS_TO_DIE * 1000})")
            self.crashed = bool(other.execute(ended).scalar_one())
