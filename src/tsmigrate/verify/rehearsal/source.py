"""The database that is copied: read in one transaction that can write nothing, each statement under a timeout."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from tsmigrate import capability, connect
from tsmigrate.capability import Server
from tsmigrate.catalog.session import FIXED
from tsmigrate.connect import reason_given
from tsmigrate.sql import literal, raw
from tsmigrate.url import PSYCOPG2, DatabaseUrl

STATEMENT_SECONDS = 10
MOST_BYTES = 32 * 1024 * 1024  # of one answer: a table's sample
_FEWER = 8  # times, where an answer is larger
_SETTINGS = {
    **FIXED,
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "2s",
    "client_encoding": "UTF8",
    "jit": "off",
    # What is read here is found by an index, or is a few blocks: a plan that reads and sorts a table is never wanted.
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
}


class UnreadableError(Exception):
    """A table's rows could not be read; the transaction goes on."""


class TooLargeError(UnreadableError):
    """They are more than a sample may be."""


@dataclass(frozen=True)
class Row:
    """A row of COPY's text format, and where it lies: the same place is the same row for the whole transaction."""

    place: bytes
    text: bytes


@dataclass(frozen=True)
class Source:
    database: DatabaseUrl
    server: Server
    connection: Connection

    def rows(self, columns: Sequence[str], rest: str, limit: int | None = None, *, placed: bool = True) -> list[Row]:
        """`SELECT <columns> <rest> LIMIT <limit>`, the table being called t there; fewer where they are too large.

        Rows that are not `placed` are told apart by what they hold.
        """
        place = "t.tableoid || ',' || t.ctid" if placed else "''"
        query = f"SELECT {', '.join([place, *columns])} {rest}"
        while limit:
            try:
                return _rows(self._copied(f"{query} LIMIT {limit}"))
            except TooLargeError:
                limit //= _FEWER
        return _rows(self._copied(query)) if limit is None else []

    def _copied(self, query: str) -> bytes:
        savepoint = self.connection.begin_nested()
        cursor: Any = self.connection.connection.cursor()
        answer = _Bounded(cursor.connection.cancel)
        try:
            cursor.copy_expert(f"COPY ({query}) TO STDOUT", answer)
        except (self.connection.dialect.loaded_dbapi.Error, TooLargeError) as error:
            savepoint.rollback()
            if answer.full:
                raise TooLargeError(f"the sample would be larger than {MOST_BYTES // 1024 // 1024} MB") from error
            raise UnreadableError(reason_given(error)) from error
        savepoint.rollback()  # which lets the locks go
        return answer.getvalue()


class _Bounded(io.BytesIO):
    """Has the server stop when it holds enough: what a driver is not handed it reads all the same."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        super().__init__()
        self._cancel = cancel
        self.full = False

    def write(self, some: object) -> int:
        if self.tell() > MOST_BYTES and not self.full:
            self.full = True
            self._cancel()
        if self.full:
            raise TooLargeError
        return super().write(some)  # type: ignore[arg-type]


def _rows(answer: bytes) -> list[Row]:
    found = []
    for line in answer.split(b"\n")[:-1]:
        at, _, text = line.partition(b"\t")
        found.append(Row(at or text, text))
    return found


@contextmanager
def opened(database: DatabaseUrl) -> Iterator[Source]:
    """Everything read from it is of one moment, and the server refuses any write."""
    by_psycopg2 = DatabaseUrl(database.url.set(drivername=PSYCOPG2), database.source)
    with connect.connection(by_psycopg2, isolation_level="REPEATABLE READ") as connection:
        connection.execute(raw("SET TRANSACTION READ ONLY"))
        server = capability.ask(connection)
        for name, value in _SETTINGS.items():
            connection.execute(raw(f"SET LOCAL {name} = {literal(value)}"))
        yield Source(database, server, connection)
