"""Blocks run as a user runs them: each as one committed transaction of one role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.in_place import HypertableRequest, hypertable
from tsmigrate.convert.revert import RevertRequest, plain_table
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import raw
from tsmigrate.undo import Key
from tsmigrate.url import DatabaseUrl

NO_WAIT = Locking(timeout_ms=200, retries=0)


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


def plain(table: Relation | str = "readings", **changes: Any) -> str:
    """The way back from `block`."""
    arguments: dict[str, Any] = {
        "table": table,
        "key": Key("r1", "create_hypertable", str(table)),
        "locking": NO_WAIT,
    }
    return plain_table(RevertRequest(**arguments | changes))
