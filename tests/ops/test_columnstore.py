"""The columnstore is enabled as the revision says, and gone or as it was after the downgrade."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from ops_support import many_chunks
from tsmigrate import connect
from tsmigrate.errors import UsageError
from tsmigrate.ops.columnstore import RestoreColumnstore, SetColumnstore
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import Locking

revision, down_revision = "columnstore", None
RUN = Run(revision, Locking())

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
LAYOUT = """SELECT concat_ws(' | ', array_to_string(segmentby, '+', 'none'), array_to_string(orderby, '+'),
                             array_to_string(orderby_desc, '+'), array_to_string(orderby_nullsfirst, '+'))
            FROM _timescaledb_catalog.compression_settings WHERE relid = 'reading'::regclass"""
COMPRESSED = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
LEFT_OVER = "SELECT count(*) FROM pg_class WHERE relname ~ 'compress.*hyper'"
OF_ALL = "SELECT count(compress_chunk(c)) FROM show_chunks('reading') c"


def up() -> None:
    op.set_columnstore("reading", segmentby=["device"], orderby=["at DESC NULLS LAST"])


def down() -> None:
    op.restore_columnstore("reading")


@pytest.fixture
def reading(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value real)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-01-01' + n * interval '1 h', n % 5, n "
        "FROM generate_series(0, 95) n",
    )
    return migration


community = pytest.mark.edition("community")


@community
def test_a_downgrade_leaves_nothing_of_it(reading: Any) -> None:
    def compress_some() -> None:
        assert reading.value(LAYOUT) == "device | at | t | f"
        reading.execute(OF_ALL)
        assert reading.value(COMPRESSED) == 4

    reading.there_and_back(up, down, meanwhile=compress_some)
    assert reading.value("SELECT count(*) FROM reading") == 96
    assert reading.value(LEFT_OVER) == 0


@community
def test_a_downgrade_restores_other_settings_though_chunks_are_compressed(reading: Any) -> None:
    reading.execute(
        "ALTER TABLE reading SET (timescaledb.compress, "
        "timescaledb.compress_orderby = 'value ASC NULLS FIRST, at DESC', "
        "timescaledb.compress_chunk_time_interval = '2 days', timescaledb.compress_segmentby = '')"
    )
    before = reading.value(LAYOUT)
    reading.there_and_back(up, down, meanwhile=lambda: reading.execute(OF_ALL))
    assert reading.value(LAYOUT) == before


@community
def test_what_was_left_to_timescaledb_is_left_to_it_again(reading: Any) -> None:
    reading.execute("ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_orderby = 'at')", OF_ALL)
    reading.there_and_back(up, down)
    reading.execute("SELECT decompress_chunk(c) FROM show_chunks('reading') c")
    reading.there_and_back(up, down)


@community
def test_sparse_indexes_that_were_asked_for_stay(reading: Any) -> None:
    reading.execute(
        "ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = '', "
        "timescaledb.compress_orderby = 'at', timescaledb.sparse_index = 'bloom(device), minmax(value)')"
    )
    reading.there_and_back(
        lambda: op.set_columnstore("reading", segmentby=[], orderby=["value", "at"]),
        down,
        meanwhile=lambda: check_indexes(reading),
    )
    check_indexes(reading)


def check_indexes(reading: Any) -> None:
    assert reading.value(
        "SELECT string_agg(i ->> 'type', ',' ORDER BY i ->> 'type') FROM _timescaledb_catalog.compression_settings, "
        "jsonb_array_elements(index) AS i WHERE relid = 'reading'::regclass AND i ->> 'source' = 'config'"
    ) in {"bloom,minmax", "bloom"}


@community
def test_odd_names_are_found_and_quoted(migration: Any) -> None:
    table = '"My Schema"."' + ODD.replace('"', '""') + '"'
    column = '"' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE {table} ("at, or" timestamptz NOT NULL, {column} text)',
        f"SELECT create_hypertable({quoted(table)}, by_range('at, or', interval '1 day'))",
    )
    migration.there_and_back(
        lambda: op.set_columnstore(ODD, segmentby=[ODD], orderby=['"at, or" desc nulls first'], schema="My Schema"),
        lambda: op.restore_columnstore(ODD, schema="My Schema"),
    )
    # The settings of such names are captured and given back, too.
    migration.run(lambda: op.set_columnstore(ODD, segmentby=[ODD], schema="My Schema"))
    migration.execute("DROP SCHEMA tsmigrate CASCADE")
    migration.there_and_back(
        lambda: op.set_columnstore(ODD, segmentby=[], orderby=[column, '"at, or"'], schema="My Schema"),
        lambda: op.restore_columnstore(ODD, schema="My Schema"),
    )


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@community
def test_all_reasons_against_it_are_told_at_once(reading: Any) -> None:
    reading.execute(
        "ALTER TABLE reading ADD CONSTRAINT alone EXCLUDE USING btree (device WITH =, at WITH =)",
        "ALTER TABLE reading ENABLE ROW LEVEL SECURITY",
    )
    before = reading.snapshot()
    with pytest.raises(DBAPIError) as refused:
        reading.run(lambda: op.set_columnstore("reading", segmentby=["devise"], orderby=["At"]))
    told = str(refused.value.orig)
    for reason in (
        "no column devise",
        'no column "At"',
        "row security",
        "exclusion constraint alone",
        "DROP CONSTRAINT",
    ):
        assert reason in told, told
    assert reading.snapshot() == before


def test_what_is_no_hypertable_is_refused_by_name(migration: Any, edition: Any, settings: dict[str, str]) -> None:
    if edition == "apache":
        settings["on_unsupported"] = "skip"
    migration.execute("CREATE TABLE reading (at timestamptz)")
    if edition == "apache":
        migration.run(up)  # what is skipped asks nothing of the table
        migration.run(down)
        return
    with pytest.raises(DBAPIError, match='"reading" is not a hypertable'):
        migration.run(up)
    with pytest.raises(DBAPIError, match=r'there is no table "s"\."nowhere"'):
        migration.run(lambda: op.set_columnstore("nowhere", schema="s"))


@community
def test_a_downgrade_is_refused_while_a_policy_would_compress_again(reading: Any) -> None:
    reading.run(up)
    reading.execute("SELECT add_compression_policy('reading', interval '7 days')")
    with pytest.raises(DBAPIError, match=r"a policy would compress") as refused:
        reading.run(down)
    assert "op.remove_columnstore_policy" in str(refused.value.orig)
    assert reading.value("SELECT count(*) FROM tsmigrate.undo") == 1


@community
def test_a_downgrade_is_refused_where_the_lock_table_is_too_small_for_all_chunks(few_locks: Any) -> None:
    many_chunks(few_locks, 60)
    few_locks.execute("ALTER TABLE reading SET (timescaledb.compress = false)")
    few_locks.run(up)
    few_locks.run(lambda: op.compress_chunks("reading", "7 days"))
    with pytest.raises(DBAPIError, match=r"needs 420 locks in one transaction, and .* has room for 200") as refused:
        few_locks.run(down)
    assert "set max_locks_per_transaction" in str(refused.value.orig)
    assert few_locks.value(COMPRESSED) == 60
    few_locks.run(lambda: op.decompress_chunks("reading"))
    few_locks.run(down)  # nothing is left to decompress
    assert few_locks.value(LEFT_OVER) == 0


@community
def test_the_printed_sql_does_the_same(reading: Any) -> None:
    before = reading.snapshot()
    reading.execute(reading.sql(up))
    assert reading.value(LAYOUT) == "device | at | t | f"
    reading.execute(reading.sql(down))
    assert reading.snapshot() == before


@pytest.mark.edition("apache")
def test_the_apache_edition_refuses_it_or_skips_it_both_ways(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DBAPIError, match=r'set_columnstore of "reading" needs TimescaleDB Community.*the Apache-2'):
        reading.run(up)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(up, down)
    assert 'skipped: set_columnstore of "reading"' in caplog.text


@pytest.mark.parametrize(
    "entry", ["", "at DOWN", "at; DROP TABLE reading", "at DESC, device", "lower(at)", '"at', "'at'"]
)
def test_nonsense_is_no_order(entry: str) -> None:
    with pytest.raises(UsageError, match="cannot order by"):
        SetColumnstore("reading", None, orderby=[entry]).statements(RUN)


def test_arguments_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match='names "at" more than once'):
        SetColumnstore("reading", None, ["at"], ["at DESC"]).statements(RUN)
    with pytest.raises(UsageError, match="orders by nothing"):
        SetColumnstore("reading", None, None, []).statements(RUN)
    with pytest.raises(UsageError, match="segmentby is 'device'"):
        SetColumnstore("reading", None, "device").statements(RUN)


def test_it_can_be_written_and_reversed() -> None:
    asked = SetColumnstore("t", "s", ["a"], ["b DESC"])
    assert asked.reverse().reverse() == asked
    assert 'op.set_columnstore("t", segmentby=["a"], orderby=["b DESC"], schema="s")' in (
        render_python_code(UpgradeOps([asked]))
    )
    assert 'op.restore_columnstore("t")' in render_python_code(UpgradeOps([RestoreColumnstore("t", None)]))


@community
def test_an_aggregate_has_one_of_its_own(reading: Any) -> None:
    """With its policy; chunks that the policy would compress are compressed, and come back."""
    reading.execute(
        'CREATE MATERIALIZED VIEW "by Hour" WITH (timescaledb.continuous) AS '
        "SELECT time_bucket('1 hour', at) AS hour, "
        'device AS "it\'s", avg(value) FROM reading GROUP BY 1, 2 WITH NO DATA',
    )
    refresh(reading)

    def up() -> None:
        op.set_columnstore("by Hour", segmentby=["it's"], orderby=["hour DESC"])
        op.add_columnstore_policy("by Hour", "7 days", schedule_interval="6 hours")

    def down() -> None:
        op.remove_columnstore_policy("by Hour")
        op.restore_columnstore("by Hour")

    def compress() -> None:
        reading.execute("SELECT count(compress_chunk(c)) FROM show_chunks('\"by Hour\"') c")
        assert reading.value(COMPRESSED) == 1

    rows = reading.value('SELECT count(*) FROM "by Hour"')
    reading.there_and_back(up, down, meanwhile=compress)
    assert reading.value('SELECT count(*) FROM "by Hour"') == rows == 96
    reading.execute(
        "ALTER MATERIALIZED VIEW \"by Hour\" SET (timescaledb.enable_columnstore, timescaledb.segmentby = '\"it''s\"')",
        "CALL add_columnstore_policy('\"by Hour\"', after => interval '7 days')",
    )
    compress()
    # What is not said is TimescaleDB's choice again, also over compressed chunks; segmentby is not to be had back.
    other = reading.snapshot()
    reading.run(lambda: op.set_columnstore("by Hour", segmentby=[]))
    assert "segment by , order by hour,it's" in reading.snapshot().timescale.replace('"', "")
    reading.run(lambda: op.restore_columnstore("by Hour"))
    assert reading.snapshot() == other
    for step, told in (
        (
            lambda: op.set_columnstore("by Hour", orderby=["hour"]),
            "segmentby of .* cannot go back to TimescaleDB's own",
        ),
        (lambda: op.set_columnstore("by Hour", segmentby=["device"]), "it has no column device"),
        (lambda: op.disable_columnstore("by Hour"), "a policy would compress its chunks again"),
    ):
        with pytest.raises(DBAPIError, match=told):
            reading.run(step)


def refresh(reading: Any) -> None:
    with connect.connection(reading.database) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("CALL refresh_continuous_aggregate('\"by Hour\"', NULL, NULL)")
