"""What autogenerate proposes for a database, in plain words, by Alembic alone and with the plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

import tsmigrate.autogenerate  # noqa: F401 - what is tested
from tsmigrate.sql import raw

Proposed = Callable[..., list[str]]
PLAIN = ["alembic.autogenerate.*", "~alembic.autogenerate.tsmigrate"]


@pytest.fixture
def execute(connection: Connection) -> Callable[..., None]:
    def run(*statements: str) -> None:
        for statement in statements:
            connection.execute(raw(statement))

    return run


@pytest.fixture
def proposed(connection: Connection) -> Proposed:
    """What would be done to bring the database to these models."""
    return lambda models, **options: compared(connection, models, **options)


@pytest.fixture
def plainly_proposed(proposed: Proposed) -> Proposed:
    """The same by Alembic as it is."""
    return lambda models, **options: proposed(models, autogenerate_plugins=PLAIN, **options)


def compared(connection: Connection, models: MetaData, **options: Any) -> list[str]:
    context = MigrationContext.configure(connection, opts=options)
    operations = produce_migrations(context, models).upgrade_ops
    assert operations
    return sorted(_in_words(operations.as_diffs()))


def _in_words(diffs: list[Any]) -> Iterator[str]:
    for diff in diffs:
        if isinstance(diff, list):
            yield from _in_words(diff)
        elif diff[0].startswith("modify_"):
            yield f"{diff[0]} {diff[2]}.{diff[3]}"
        elif diff[0].endswith("_column"):
            yield f"{diff[0]} {diff[2]}.{diff[3].name}"
        else:
            schema = getattr(diff[1], "schema", None)
            yield f"{diff[0]} {schema}.{diff[1].name}" if schema else f"{diff[0]} {diff[1].name}"
