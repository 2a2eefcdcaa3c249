"""Operations under test: run as Alembic runs a revision, and compared as a whole database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

import tsmigrate.ops  # noqa: F401 - makes the operations available as op.…
from support import Take, TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

Step = Callable[[], None]


@dataclass(frozen=True)
class Migration:
    """A database, and steps that change it. The revision is the module in which a step is written."""

    database: DatabaseUrl
    take: Take

    def run(self, step: Step) -> None:
        """`step` in a transaction of its own, as a revision has it."""
        with connect.connection(self.database) as connection:
            context = MigrationContext.configure(connection, opts=OPTIONS)
            with Operations.context(context), context.begin_transaction(_per_migration=True):
                step()

    def sql(self, step: Step) -> str:
        """What `--sql` prints for `step`."""
        printed: list[str] = []
        context = MigrationContext.configure(
            dialect_name="postgresql",
            dialect_opts={"paramstyle": "named"},
            opts={**OPTIONS, "as_sql": True, "output_buffer": _Buffer(printed)},
        )
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            step()
        return "".join(printed)

    def execute(self, *statements: str) -> None:
        with connect.connection(self.database) as connection:
            for statement in statements:
                connection.execute(raw(statement))
            connection.commit()

    def value(self, query: str) -> Any:
        with connect.connection(self.database) as connection:
            return self._value(connection, query)

    def _value(self, connection: Connection, query: str) -> Any:
        return connection.execute(raw(query)).scalar_one_or_none()

    def snapshot(self) -> Snapshot:
        return self.take(self.database)

    def there_and_back(self, up: Step, down: Step, meanwhile: Step = lambda: None) -> None:
        """`down` leaves what was there before `up`, and `up` works again after it, with the same outcome."""
        before = self.snapshot()
        self.run(up)
        after = self.snapshot()
        meanwhile()
        self.run(down)
        assert difference(before, self.snapshot()) == ""
        self.run(up)
        assert difference(after, self.snapshot()) == ""
        self.run(down)
        assert difference(before, self.snapshot()) == ""


OPTIONS = {"transaction_per_migration": True}


class _Buffer:
    def __init__(self, printed: list[str]) -> None:
        self._printed = printed

    def write(self, text: str) -> None:
        self._printed.append(text)

    def flush(self) -> None:
        pass


@pytest.fixture
def plain(plain_database: DatabaseUrl, take: Take) -> Migration:
    """On a database without the extension."""
    return Migration(plain_database, take)


@pytest.fixture
def migration(database: DatabaseUrl, take: Take) -> Migration:
    """On a database with the extension."""
    return Migration(database, take)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What alembic.ini and `-x` would say, without `tsmigrate.` before the names."""
    values: dict[str, str] = {}
    monkeypatch.setattr("tsmigrate.ops.run._setting", values.get)
    return values


@pytest.fixture
def few_locks(edition: Edition, server: TestServer, take: Take) -> Iterator[Migration]:
    """On a server whose lock table has room for 200 locks, and some to spare."""
    name = f"few-locks-{edition}"
    settings = {
        "max_connections": "20",
        "max_locks_per_transaction": "10",
        "max_prepared_transactions": "0",
        "timescaledb.max_background_workers": "0",
    }
    small = TestServer.at(sandbox.up(name, edition=edition, settings=settings).url)
    migration = Migration(small.database("sandbox"), take)
    migration.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    yield migration
    sandbox.down(name)
