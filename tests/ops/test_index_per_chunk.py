"""An index of a big hypertable, chunk by chunk, outside of a transaction."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.errors import UsageError
from tsmigrate.ops.index_per_chunk import CreateIndexPerChunk
from tsmigrate.sql import raw

revision, down_revision = "index_per_chunk", None

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{}')"


@pytest.fixture
def readings(migration: Any) -> Any:
    """Ten chunks, a row each; one of them has v = 1."""
    migration.execute(
        "CREATE TABLE r (at timestamptz NOT NULL, device text, v int)",
        "SELECT create_hypertable('r', by_range('at', interval '1 day'))",
        "INSERT INTO r SELECT timestamptz '2025-01-01' + n * interval '1 day', 'd', n FROM generate_series(1, 10) n",
    )
    return migration


def create() -> None:
    op.create_index_per_chunk("r", "r_device_idx", ["device", "v DESC"])


def drop() -> None:
    op.drop_index_per_chunk("r", "r_device_idx")


def test_every_chunk_gets_the_index_and_the_downgrade_takes_it(readings: Any) -> None:
    readings.there_and_back(create, drop, meanwhile=lambda: check_chunks(readings))


def check_chunks(readings: Any) -> None:
    assert readings.value("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%(device, v DESC)%'") == 11
    assert readings.value(VALID.format("r_device_idx")) is True
    assert readings.value("SELECT to_regclass('tsmigrate.undo')") is None


def test_method_condition_and_options_are_kept(readings: Any) -> None:
    readings.run(
        lambda: op.create_index_per_chunk(
            "r", "i", ["lower(device)"], where="v > 3", using="hash", options={"fillfactor": 70}
        )
    )
    assert readings.value("SELECT indexdef FROM pg_indexes WHERE indexname = 'i'") == (
        "CREATE INDEX i ON public.r USING hash (lower(device)) WITH (fillfactor='70') WHERE (v > 3)"
    )


def test_what_a_failed_run_left_is_made_anew(readings: Any) -> None:
    """The division fails in the chunk of v = 1, after other chunks have their index."""

    def fails() -> None:
        op.create_index_per_chunk("r", "i", ["(1 / (v - 5))"])

    with pytest.raises(DBAPIError, match="division by zero"):
        readings.run(fails)
    assert readings.value(VALID.format("i")) is False
    # The chunk goes whole: a deleted row is indexed for as long as any transaction may still see it.
    readings.execute(
        "SELECT drop_chunks('r', newer_than => '2025-01-06'::timestamptz, older_than => '2025-01-07'::timestamptz)"
    )
    assert readings.value("SELECT count(*) FROM r WHERE v = 5") == 0
    readings.run(fails)
    assert readings.value(VALID.format("i")) is True
    assert readings.value("SELECT to_regclass('tsmigrate.undo')") is None


def test_a_run_that_was_cut_off_after_its_last_chunk_is_only_finished(readings: Any) -> None:
    prepare, build, _finish = statements_of(readings, create)
    with connect.connection(readings.database) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(raw(prepare))
        connection.execute(raw(build))
    before = readings.value("SELECT 'r_device_idx'::regclass::oid")
    readings.run(create)
    assert readings.value("SELECT 'r_device_idx'::regclass::oid") == before
    assert readings.value("SELECT to_regclass('tsmigrate.undo')") is None


def statements_of(readings: Any, step: Any) -> tuple[str, ...]:
    printed = readings.sql(step)
    body = printed[printed.index("COMMIT;") + len("COMMIT;") : printed.rindex("BEGIN;")]
    create_index = body.index("CREATE INDEX")
    end = body.index(";", create_index) + 1
    return body[:create_index], body[create_index:end], body[end:]


def test_sql_output_builds_it_between_two_transactions(readings: Any) -> None:
    prepare, build, finish = statements_of(readings, create)
    assert "DROP INDEX" in prepare
    assert build == (
        'CREATE INDEX IF NOT EXISTS "r_device_idx" ON "r" USING "btree" (device, v DESC) '
        "WITH (timescaledb.transaction_per_chunk = true);"
    )
    assert "DELETE FROM tsmigrate.undo" in finish


def test_a_name_that_is_taken_is_refused(readings: Any) -> None:
    readings.execute("CREATE INDEX r_device_idx ON r (v)")
    with pytest.raises(DBAPIError, match="the name r_device_idx is taken"):
        readings.run(create)
    assert readings.value("SELECT to_regclass('tsmigrate.undo')") is None


def test_a_plain_table_is_refused_with_what_to_use(migration: Any) -> None:
    migration.execute("CREATE TABLE r (device text, v int)")
    with pytest.raises(DBAPIError, match='"r" is not a hypertable') as refused:
        migration.run(create)
    assert "postgresql_concurrently" in str(refused.value.orig)


def test_odd_names_in_an_odd_schema_are_found(migration: Any) -> None:
    quoted = '"' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE "My Schema".{quoted} (at timestamptz NOT NULL)',
        f"SELECT create_hypertable('\"My Schema\".{quoted}', 'at')",
    )
    index = 'Idx "1" %s' + "y" * 53  # 63 bytes
    migration.there_and_back(
        lambda: op.create_index_per_chunk(ODD, index, ["at"], schema="My Schema"),
        lambda: op.drop_index_per_chunk(ODD, index, schema="My Schema"),
    )


def test_no_columns_is_wrong_use(readings: Any) -> None:
    with pytest.raises(UsageError, match="does not say which columns"):
        readings.run(lambda: op.create_index_per_chunk("r", "i", []))


def test_it_refuses_to_follow_a_change_in_its_revision(readings: Any) -> None:
    def both() -> None:
        op.execute("ALTER TABLE r ADD COLUMN w int")
        create()

    with pytest.raises(DBAPIError, match="revision index_per_chunk has changed something before it"):
        readings.run(both)
    assert readings.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'r'::regclass AND attname = 'w'") == 0


def test_nothing_follows_it_in_its_revision(readings: Any) -> None:
    def both() -> None:
        create()
        op.set_chunk_interval("r", "2 days")

    with pytest.raises(
        CommandError, match="set_chunk_interval shares revision index_per_chunk with create_index_per_chunk"
    ):
        readings.run(both)


def test_an_environment_that_began_a_transaction_is_refused(readings: Any) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with connect.connection(readings.database) as connection, connection.begin():
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), pytest.raises(CommandError, match=r"env\.py has begun one"):
            create()


def test_its_reverse_and_back(readings: Any) -> None:
    created = CreateIndexPerChunk("r", None, "i", ["at"])
    assert created.reverse().reverse() == created
