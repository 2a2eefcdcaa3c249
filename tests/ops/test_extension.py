"""The extension comes with the upgrade and goes with the downgrade, unless it was there before."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from sqlalchemy.exc import DBAPIError

revision, down_revision = "extension", None


def up() -> None:
    op.create_timescaledb_extension()


def down() -> None:
    op.drop_timescaledb_extension()


def test_a_downgrade_takes_the_extension_away(plain: Any) -> None:
    plain.there_and_back(up, down)
    assert plain.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 0


def test_a_downgrade_leaves_an_extension_that_was_there_before(migration: Any) -> None:
    migration.there_and_back(up, down)
    assert migration.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1


def test_nothing_of_the_toolkit_is_left_once_there_is_nothing_to_remember(migration: Any) -> None:
    migration.run(up)
    assert migration.value("SELECT count(*) FROM tsmigrate.undo") == 1
    migration.run(down)
    assert migration.value("SELECT to_regnamespace('tsmigrate')") is None


def test_a_downgrade_is_refused_while_hypertables_are_left(plain: Any) -> None:
    plain.run(up)
    plain.execute("CREATE TABLE r (at timestamptz NOT NULL)", "SELECT create_hypertable('r', 'at')")
    with pytest.raises(DBAPIError, match=r"these are still hypertables: public\.r"):
        plain.run(down)
    assert plain.value("SELECT count(*) FROM timescaledb_information.hypertables") == 1


def test_the_printed_sql_does_the_same(plain: Any) -> None:
    before = plain.snapshot()
    plain.execute(plain.sql(up))
    assert plain.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
    plain.execute(plain.sql(down))
    assert plain.snapshot() == before
