"""A table becomes a hypertable in a revision, and the same table again in its downgrade."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.errors import UsageError
from tsmigrate.ops.hypertable import CreateHypertable, RevertHypertable

revision, down_revision = "hypertable", None


def up() -> None:
    op.create_hypertable("reading", "at", "1 day", migrate_data=True)


def down() -> None:
    op.revert_hypertable("reading")


@pytest.fixture
def reading(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE reading (id bigserial, at timestamptz, device text, PRIMARY KEY (id, at))",
        "CREATE INDEX by_device ON reading (device, at DESC)",
        "INSERT INTO reading (at, device) SELECT timestamptz '2026-01-01' + n * interval '1 h', n "
        "FROM generate_series(1, 500) n",
    )
    return migration


def rows(reading: Any) -> Any:
    with connect.connection(reading.database) as connection:
        return checksum.of_table(connection, "reading")


def test_rows_and_schema_survive_there_and_back(reading: Any) -> None:
    before = rows(reading)
    reading.there_and_back(up, down)
    assert rows(reading) == before


def test_rows_written_in_between_survive(reading: Any) -> None:
    reading.run(up)
    reading.execute(
        "INSERT INTO reading (at, device) VALUES ('2027-01-01', 'late')", "DELETE FROM reading WHERE id = 7"
    )
    written = rows(reading)
    reading.run(down)
    assert rows(reading) == written
    assert reading.value("SELECT nextval('reading_id_seq')") == 502


def test_the_printed_sql_does_the_same(reading: Any) -> None:
    before = reading.snapshot()
    reading.execute(reading.sql(up))
    assert reading.value("SELECT count(*) FROM timescaledb_information.chunks") == 21
    reading.execute(reading.sql(down))
    assert reading.snapshot() == before


def test_all_reasons_against_it_are_told_at_once(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (id int PRIMARY KEY, at timestamptz, code text UNIQUE)",
        "INSERT INTO reading VALUES (1, NULL, 'a')",
    )
    before = migration.snapshot()
    with pytest.raises(DBAPIError) as refused:
        migration.run(lambda: op.create_hypertable("reading", "at", "-1 day"))
    told = str(refused.value.orig)
    for reason in ("reading_pkey", "reading_code_key", "1 rows have no at", "migrate_data", "-1 day"):
        assert reason in told, told
    assert migration.snapshot() == before


def test_integer_time_and_a_hash_dimension_are_taken_back_too(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at bigint NOT NULL, device int)",
        "CREATE FUNCTION present() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 42::bigint'",
        "INSERT INTO reading SELECT n, n % 5 FROM generate_series(1, 100) n",
    )
    migration.there_and_back(
        lambda: op.create_hypertable(
            "reading", "at", 10, migrate_data=True, hash_dimension=("device", 2), integer_now="present"
        ),
        down,
    )


def test_it_can_be_written_and_reversed() -> None:
    asked = CreateHypertable("t", "s", "at", "1 day", migrate_data=True)
    assert asked.reverse().reverse() == asked
    assert "op.create_hypertable('t', schema='s', column='at', interval='1 day', migrate_data=True)" in (
        render_python_code(UpgradeOps([asked]))
    )
    assert "op.revert_hypertable('t', schema='s')" in render_python_code(UpgradeOps([asked.reverse()]))
    with pytest.raises(UsageError, match="how the hypertable was partitioned"):
        RevertHypertable("t", None).reverse()
