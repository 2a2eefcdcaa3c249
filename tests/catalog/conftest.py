"""A pg_dump that is too old for its server, and further databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from os import getpid
from typing import Any

import pytest
from pytest_postgresql.janitor import DatabaseJanitor
from sqlalchemy import Connection

from tsmigrate import connect
from tsmigrate.sandbox import engines
from tsmigrate.url import DatabaseUrl

_numbers = count(1)
NewDatabase = Callable[[], DatabaseUrl]
Script = Callable[..., None]
Run = Callable[..., None]


@pytest.fixture
def older_pg_dump(server_major: int) -> str:
    older = [engine for engine in engines.found() if engine.postgres.major < server_major]
    if not older:
        pytest.skip(f"no pg_dump older than PostgreSQL {server_major} is installed here")
    return older[0].program("pg_dump")


@pytest.fixture
def new_database(server: Any) -> Iterator[NewDatabase]:
    """Makes empty databases without the extension, dropped when the test ends."""
    with ExitStack() as stack:

        def make() -> DatabaseUrl:
            name = f"tsmigrate_new_{getpid()}_{next(_numbers)}"
            stack.enter_context(
                DatabaseJanitor(
                    user=server.user, host=server.host, port=server.port, password=server.password, dbname=name
                )
            )
            return server.database(name)

        yield make


def _script(connection: Connection, *statements: str) -> None:
    # Past SQLAlchemy, which would read percent signs and colons as its own.
    with connection.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def script() -> Script:
    """Run texts of SQL as they stand, in the connection's transaction."""
    return _script


@pytest.fixture
def run() -> Run:
    """Run texts of SQL as they stand, each committed on its own."""

    def run(database: DatabaseUrl, *statements: str) -> None:
        with connect.connection(database, isolation_level="AUTOCOMMIT") as connection:
            _script(connection, *statements)

    return run
