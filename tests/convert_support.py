"""Blocks run as a user runs them: each as one committed transaction of one role."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Connection

from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import of_sequences
from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.convert.attach import attached
from tsmigrate.convert.in_place import hypertable
from tsmigrate.convert.request import HypertableRequest
from tsmigrate.convert.revert import RevertRequest, plain_table
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import raw
from tsmigrate.undo import Key
from tsmigrate.url import DatabaseUrl

NASTY = (Path(__file__).parent / "convert" / "nasty.sql").read_text()
NASTY_TABLE = Relation('o"dd', 'Nasty "table" of 63 bytes: ' + "é" * 17 + "'s")
NO_WAIT = Locking(timeout_ms=200, retries=0)
PATIENT = Locking(timeout_ms=60_000, retries=0)
CLIENTS = "FROM pg_stat_activity WHERE application_name = 'psql' AND datname = current_database()"


@dataclass
class Outcome:
    """What a block said: its error, if it failed, and its notices."""

    code: str = ""
    message: str = ""
    hint: str = ""
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Session:
    """SQL as it stands, each call committed on its own, as one role."""

    database: DatabaseUrl
    role: str | None = None

    def run(self, *statements: str) -> Outcome:
        """All in one transaction; an error is an error of the test."""
        outcome = self.attempt(*statements)
        assert not outcome.code, outcome
        return outcome

    def attempt(self, *statements: str) -> Outcome:
        with connect.connection(self.database) as connection:
            driver: Any = connection.connection.driver_connection
            try:
                # The driver's own cursor: SQLAlchemy's empties the list of notices.
                with driver.cursor() as cursor:
                    if self.role:
                        cursor.execute(f'SET SESSION AUTHORIZATION "{self.role}"')
                    for statement in statements:
                        cursor.execute(statement)
                driver.commit()
            except psycopg2.Error as error:
                return Outcome(
                    error.pgcode or "",
                    error.diag.message_primary or str(error),
                    error.diag.message_hint or "",
                    list(driver.notices),
                )
            return Outcome(notices=list(driver.notices))

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        with connect.connection(self.database) as connection:
            return [tuple(row) for row in connection.execute(raw(query))]

    def value(self, query: str) -> Any:
        return self.rows(query)[0][0]


def request(table: Relation | str = "readings", **changes: Any) -> HypertableRequest:
    arguments: dict[str, Any] = {
        "table": table,
        "column": "ts",
        "interval": "1 day",
        "migrate_data": True,
        "key": Key("r1", "create_hypertable", str(table)),
        "locking": NO_WAIT,
    }
    return HypertableRequest(**arguments | changes)


def block(table: Relation | str = "readings", **changes: Any) -> str:
    return hypertable(request(table, **changes))


def attach(table: Relation | str = "readings", *, or_copied: bool = False, **changes: Any) -> str:
    return attached(request(table, migrate_data=or_copied, **changes), or_copied=or_copied)


def plain(table: Relation | str = "readings", **changes: Any) -> str:
    """The way back from `block` and `attach`."""
    arguments: dict[str, Any] = {
        "table": table,
        "key": Key("r1", "create_hypertable", str(table)),
        "locking": NO_WAIT,
    }
    return plain_table(RevertRequest(**arguments | changes))


def assert_same(before: Snapshot, after: Snapshot) -> None:
    """Byte for byte, with the difference to read where there is one."""
    if before != after:
        pytest.fail(difference(before, after) or "the snapshots differ in what their difference ignores")


def rows_and_sequences(session: Session, table: Relation) -> Any:
    with connect.connection(session.database) as connection:
        return checksum.of_table(connection, table.name, table.schema), of_sequences(connection)


@contextmanager
def held(connection: Connection, place: int) -> Iterator[None]:
    """Whoever comes to this place waits there."""
    connection.execute(raw(f"SELECT pg_advisory_lock({place})"))
    yield
    connection.execute(raw(f"SELECT pg_advisory_unlock({place})"))


def waiting(session: Session) -> int:
    """The process that waits, once it does."""
    found = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    return int(until(lambda: [pid for (pid,) in session.rows(found)])[0])


def until(condition: Callable[[], Any]) -> Any:
    for _ in range(600):
        if outcome := condition():
            return outcome
        time.sleep(0.05)
    pytest.fail("waited for half a minute in vain")
