"""A table becomes a hypertable in a revision, and the same table again in its downgrade."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.capability import Edition
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


def attach() -> None:
    op.create_hypertable("reading", "at", "1 day", method="attach")


def choose() -> None:
    op.create_hypertable("reading", "at", "1 day", migrate_data=True, method="auto")


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


@pytest.mark.edition(Edition.COMMUNITY)
def test_an_attached_table_survives_there_and_back_with_what_was_written(edition: Edition, reading: Any) -> None:
    before = rows(reading)
    reading.there_and_back(attach, down)
    assert rows(reading) == before
    reading.run(attach)
    reading.execute("INSERT INTO reading (at, device) VALUES ('2027-01-01', 'late')")
    written = rows(reading)
    reading.run(down)
    assert rows(reading) == written


def build_index() -> None:
    with op.get_context().autocommit_block():
        op.create_index("reading_id_at", "reading", ["id", "at"], unique=True, postgresql_concurrently=True)


def widen() -> None:
    op.widen_primary_key("reading", ["id", "at"], using_concurrent_index="reading_id_at")


def narrow() -> None:
    op.narrow_primary_key("reading")


@pytest.mark.edition(Edition.COMMUNITY)
def test_a_key_made_wide_beforehand_is_attached_without_writing_the_table(edition: Edition, reading: Any) -> None:
    """The recipe of docs/converting.md: the index is built beside everything else, and the locks are short."""
    reading.execute("ALTER TABLE reading DROP CONSTRAINT reading_pkey, ALTER at SET NOT NULL, ADD PRIMARY KEY (id)")
    file = "SELECT pg_relation_filenode(relation::regclass) FROM (VALUES ('{}')) AS r (relation)"
    heap = reading.value(file.format("reading"))
    reading.run(build_index)
    index = reading.value(file.format("reading_id_at"))
    before = reading.snapshot()
    reading.run(widen)
    wide = reading.snapshot()
    reading.run(attach)
    assert reading.value(file.format("tsmigrate_attached.tsmigrate_attached")) == heap
    assert reading.value(file.format("tsmigrate_attached.reading_pkey")) == index
    reading.run(down)
    assert reading.snapshot() == wide
    reading.run(narrow)
    assert reading.snapshot() == before


@pytest.mark.edition(Edition.COMMUNITY)
def test_the_printed_sql_attaches_too(edition: Edition, reading: Any) -> None:
    before = reading.snapshot()
    reading.execute(reading.sql(attach))
    assert reading.value("SELECT count(*) FROM timescaledb_information.chunks") == 1
    reading.execute(reading.sql(down))
    assert reading.snapshot() == before


def test_auto_is_there_and_back_on_every_edition_and_says_when_it_copies(
    edition: Edition, reading: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tsmigrate")
    before = rows(reading)
    reading.there_and_back(choose, down)
    assert rows(reading) == before
    reading.run(choose)
    chunks = reading.value("SELECT count(*) FROM timescaledb_information.chunks")
    assert chunks == (1 if edition is Edition.COMMUNITY else 21)
    assert ("is copied, not attached" in caplog.text) is (edition is Edition.APACHE)


@pytest.mark.edition(Edition.APACHE)
def test_attaching_is_refused_on_the_apache_edition(edition: Edition, reading: Any) -> None:
    before = reading.snapshot()
    with pytest.raises(DBAPIError, match="attaching needs TimescaleDB Community"):
        reading.run(attach)
    assert reading.snapshot() == before


def test_an_unknown_method_is_refused(reading: Any) -> None:
    with pytest.raises(UsageError, match="knows no method 'move'"):
        reading.run(lambda: op.create_hypertable("reading", "at", "1 day", method="move"))


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


def test_a_method_is_written_down() -> None:
    asked = CreateHypertable("t", None, "at", "1 day", method="attach")
    assert '"1 day", method="attach")' in render_python_code(UpgradeOps([asked]))


def test_it_can_be_written_and_reversed() -> None:
    asked = CreateHypertable("t", "s", "at", "1 day", migrate_data=True)
    assert asked.reverse().reverse() == asked
    assert 'op.create_hypertable("t", "at", "1 day", migrate_data=True, schema="s")' in (
        render_python_code(UpgradeOps([asked]))
    )
    assert 'op.revert_hypertable("t", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))
    with pytest.raises(UsageError, match="how the hypertable was partitioned"):
        RevertHypertable("t", None).reverse()
