"""A hash dimension comes to a hypertable with rows, and its downgrade makes the hypertable that there was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import UsageError
from tsmigrate.ops.hash_dimension import AddHashDimension, RevertHashDimension

revision, down_revision = "hashed", None
community = pytest.mark.edition("community")

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
QUOTED = '"' + ODD.replace('"', '""') + '"'
HASHED = "SELECT num_partitions FROM timescaledb_information.dimensions WHERE dimension_number = 2"
CHUNKS = "SELECT count(*) FROM timescaledb_information.chunks"


def up(table: str = "reading", column: str = "device", **schema: str) -> Callable[[], None]:
    def upgrade() -> None:
        op.add_hash_dimension(table, column, 4, **schema)

    return upgrade


def down(table: str = "reading", **schema: str) -> Callable[[], None]:
    def downgrade() -> None:
        op.revert_hash_dimension(table, **schema)

    return downgrade


@pytest.fixture
def reading(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE place (id int PRIMARY KEY)",
        "INSERT INTO place VALUES (1)",
        "CREATE TABLE reading (id bigserial, at timestamptz, device int, value real, place int REFERENCES place, "
        "next int GENERATED ALWAYS AS (device + 1) STORED, PRIMARY KEY (at, device), UNIQUE (device, at, id))",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "CREATE INDEX by_value ON reading (value) WHERE value > 3",
        "CREATE VIEW lately AS SELECT device, max(at) FROM reading GROUP BY device",
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "INSERT INTO reading SELECT n, timestamptz '2026-01-01 UTC' + n * interval '1 h', n % 5, n, 1 "
        "FROM generate_series(0, 95) n",
        "CREATE TRIGGER stop BEFORE INSERT ON reading FOR EACH ROW EXECUTE FUNCTION stop()",
        "COMMENT ON TABLE reading IS 'what was read'",
    )
    return migration


def test_it_comes_and_goes_with_rows_on_both_sides_of_it(reading: Any) -> None:
    reading.execute("DROP TRIGGER stop ON reading")
    before = reading.value("SELECT sum(hash_record_extended(r, 0)::numeric) FROM reading r")
    reading.there_and_back(up(), down())
    assert reading.value("SELECT sum(hash_record_extended(r, 0)::numeric) FROM reading r") == before
    assert reading.value("SELECT to_regclass('tsmigrate.undo')") is None
    old = reading.value(CHUNKS)
    reading.run(up())
    assert (reading.value(HASHED), reading.value(CHUNKS)) == (4, old)  # those that exist stay
    reading.execute(
        "INSERT INTO reading SELECT n, timestamptz '2026-01-05 UTC' + n * interval '1 h', n % 5, n, 1 "
        "FROM generate_series(0, 47) n"
    )
    assert reading.value(CHUNKS) > old + 2  # more than one a day
    reading.run(down())
    assert reading.value(HASHED) is None
    assert reading.value("SELECT count(*) FROM reading") == 96 + 48


def test_a_trigger_that_swallows_rows_does_not_see_them_move(reading: Any) -> None:
    reading.there_and_back(up(), down())
    assert reading.value("SELECT count(*) FROM reading") == 96


def test_odd_names_and_a_number_for_time_and_its_present(migration: Any) -> None:
    table = f'"My Schema".{QUOTED}'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE {table} ({QUOTED} bigint NOT NULL, "it\'s" text)',
        f"SELECT create_hypertable('{table}', by_range('{ODD}', 1000))",
        'CREATE FUNCTION "My Schema"."the now"() RETURNS bigint LANGUAGE sql STABLE AS \'SELECT 5::bigint\'',
        f"SELECT set_integer_now_func('{table}', '\"My Schema\".\"the now\"')",
        f"INSERT INTO {table} SELECT n, n FROM generate_series(1, 3000, 100) n",
    )
    migration.there_and_back(up(ODD, "it's", schema="My Schema"), down(ODD, schema="My Schema"))


def test_an_owner_without_further_rights_can_do_both(reading: Any) -> None:
    reading.execute("DROP VIEW lately", "CREATE ROLE hash_owner", "ALTER TABLE reading OWNER TO hash_owner")
    reading.execute("ALTER TABLE place OWNER TO hash_owner", "GRANT CREATE ON SCHEMA public TO hash_owner")
    reading.execute(f"GRANT CREATE ON DATABASE {reading.database.url.database} TO hash_owner")

    def upgrade() -> None:
        op.execute("SET LOCAL ROLE hash_owner")
        op.add_hash_dimension("reading", "device", 4)

    def downgrade() -> None:
        op.execute("SET LOCAL ROLE hash_owner")
        op.revert_hash_dimension("reading")

    try:
        reading.there_and_back(upgrade, downgrade)
    finally:
        reading.execute(
            "ALTER TABLE reading OWNER TO CURRENT_USER",
            "ALTER TABLE place OWNER TO CURRENT_USER",
            "DROP OWNED BY hash_owner",
            "DROP ROLE hash_owner",
        )


def test_what_cannot_be_is_refused_with_all_reasons_and_nothing_changes(reading: Any) -> None:
    before = reading.snapshot()
    reading.execute("CREATE TABLE plain (at timestamptz)")
    for step, told in (
        (up(column="value"), "its key reading_device_at_id_key does not have value"),
        (up(column="value"), "its key reading_pkey does not have value"),
        (up(column="nothing"), "it has no column nothing"),
        (up(column="at"), "at is its partition column"),
        (up(column="next"), "next is a generated column"),
        (up("plain"), '"plain" is not a hypertable'),
        (down(), r"tsmigrate\.undo has no row of add_hash_dimension"),
    ):
        with pytest.raises(DBAPIError, match=told) as refused:
            reading.run(step)
        assert "HINT" in str(refused.value)
    reading.execute("DROP TABLE plain")
    assert reading.snapshot() == before
    with pytest.raises(UsageError, match="cannot make 40000 partitions"):
        reading.run(lambda: op.add_hash_dimension("reading", "device", 40000))
    reading.run(up())
    with pytest.raises(DBAPIError, match="it has a second dimension already, by device"):
        reading.run(up())


@community
def test_what_works_on_it_is_told_before_anything_is_taken_back(reading: Any) -> None:
    reading.execute(
        "DROP TRIGGER stop ON reading",
        "CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 day', at) AS day, count(*) FROM reading GROUP BY 1 WITH NO DATA",
        "SELECT add_retention_policy('reading', interval '100 years')",
        "ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')",
    )
    reading.run(up())
    after = reading.snapshot()
    with pytest.raises(DBAPIError) as refused:
        reading.run(down())
    for told in ("aggregate public.daily reads it", "(policy_retention) works on it", "its columnstore is enabled"):
        assert told in str(refused.value)
    assert "op.set_hash_partitions(…, 1)" in str(refused.value)
    assert reading.snapshot() == after
    reading.execute("SELECT remove_retention_policy('reading')", "DROP MATERIALIZED VIEW daily")
    reading.execute("ALTER TABLE reading SET (timescaledb.compress = false)")
    reading.run(down())
    assert reading.value(HASHED) is None


def test_what_a_hypertable_made_anew_would_lack_is_told(reading: Any) -> None:
    reading.execute(
        "CREATE TABLE other (at timestamptz NOT NULL, device int)",
        "SELECT create_hypertable('other', 'at', associated_schema_name => 'public')",
        "SET timescaledb.enable_chunk_skipping = on",
        "SELECT enable_chunk_skipping('other', 'device')",
    )
    reading.run(up("other"))
    with pytest.raises(DBAPIError) as refused:
        reading.run(down("other"))
    for told in ("its chunks in the schema public", "chunk skipping by device"):
        assert f"it has {told}, which it would not have again" in str(refused.value)


@community
@pytest.mark.parametrize("method", ["attach", "copy"])
def test_what_was_converted_before_goes_back_all_the_way(migration: Any, method: str) -> None:
    """The row of the conversion outlives the hypertable that was made anew."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz, device int)",
        "INSERT INTO reading SELECT timestamptz '2026-01-01 UTC' + n * interval '1 h', n FROM generate_series(1, 50) n",
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER stop BEFORE INSERT ON reading FOR EACH ROW EXECUTE FUNCTION stop()",
    )
    before = migration.snapshot()
    migration.run(lambda: op.create_hypertable("reading", "at", "1 day", method=method, migrate_data=True))
    migration.there_and_back(up(), down())
    migration.run(lambda: op.revert_hypertable("reading"))
    assert migration.snapshot() == before
    assert migration.value("SELECT count(*) FROM reading") == 50


@community
@pytest.mark.parametrize("dropped", [False, True])
def test_retention_of_an_earlier_revision_does_not_take_the_chunks_for_dropped(reading: Any, dropped: bool) -> None:
    def downgrade() -> None:
        op.remove_retention_policy("reading")

    reading.run(lambda: op.add_retention_policy("reading", "100 years"))
    reading.execute("SELECT remove_retention_policy('reading')", "DROP TRIGGER stop ON reading")
    if dropped:
        reading.execute("SELECT drop_chunks('reading', timestamptz '2026-01-02 UTC')")
    reading.run(up())
    reading.run(down())
    reading.execute("SELECT add_retention_policy('reading', interval '100 years')")
    if dropped:
        with pytest.raises(DBAPIError, match="1 of the 4 chunks that there were at the upgrade have been dropped"):
            reading.run(downgrade)
    else:
        reading.run(downgrade)
        assert reading.value("SELECT to_regclass('tsmigrate.undo')") is None


@community
def test_partitions_that_became_chunks_are_not_lost(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int) PARTITION BY RANGE (at)",
        "CREATE TABLE reading_2026 PARTITION OF reading FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "INSERT INTO reading VALUES ('2026-05-01', 1)",
    )
    migration.run(lambda: op.create_hypertable("reading", "at", "1 day", method="attach"))
    migration.run(up())
    with pytest.raises(DBAPIError, match="chunks of it are partitions of the table that it was"):
        migration.run(down())


def test_sql_output_does_the_same(reading: Any) -> None:
    before = reading.snapshot()
    reading.execute(reading.sql(up()))
    assert reading.value(HASHED) == 4
    reading.execute(reading.sql(down()))
    assert reading.snapshot() == before


def test_the_operation_is_written_and_reversed() -> None:
    asked = AddHashDimension("t", "s", "device", 4)
    assert asked.reverse().reverse() == asked
    assert asked.to_diff_tuple() == ("add_hash_dimension", "t", "s", "device", 4)
    assert 'op.add_hash_dimension("t", "device", 4, schema="s")' in render_python_code(UpgradeOps([asked]))
    with pytest.raises(UsageError, match="does not say which dimension"):
        RevertHashDimension("t", None).reverse()
