"""The interval of chunks to come changes, and changes back to what it was."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import UsageError
from tsmigrate.ops.chunk_interval import RestoreChunkInterval, SetChunkInterval

revision, down_revision = "interval", None

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
INTERVAL = "SELECT coalesce(time_interval::text, integer_interval::text) FROM timescaledb_information.dimensions"


@pytest.fixture
def timed(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE r (at timestamptz NOT NULL)", "SELECT create_hypertable('r', by_range('at', interval '7 days'))"
    )
    return migration


def test_a_downgrade_restores_the_interval(timed: Any) -> None:
    timed.there_and_back(
        lambda: op.set_chunk_interval("r", "1 day"),
        lambda: op.restore_chunk_interval("r"),
        meanwhile=lambda: check(timed, "1 day"),
    )
    check(timed, "7 days")


def check(timed: Any, interval: str) -> None:
    assert timed.value(INTERVAL) == interval


def test_a_whole_number_serves_where_the_partition_column_is_one(migration: Any) -> None:
    migration.execute("CREATE TABLE r (at bigint NOT NULL)", "SELECT create_hypertable('r', by_range('at', 1000))")
    migration.there_and_back(
        lambda: op.set_chunk_interval("r", 500),
        lambda: op.restore_chunk_interval("r"),
        meanwhile=lambda: check(migration, "500"),
    )


def test_an_odd_name_in_an_odd_schema_is_found(migration: Any) -> None:
    quoted = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f"CREATE TABLE {quoted} (at timestamptz NOT NULL)",
        f"SELECT create_hypertable('{quoted}', by_range('at', interval '7 days'))",
    )
    migration.there_and_back(
        lambda: op.set_chunk_interval(ODD, "1 day", schema="My Schema"),
        lambda: op.restore_chunk_interval(ODD, schema="My Schema"),
    )


@pytest.mark.parametrize("interval", ["0", "-1 day", "00:00:00"])
def test_an_interval_that_is_not_positive_is_refused_and_nothing_changes(timed: Any, interval: str) -> None:
    with pytest.raises(DBAPIError, match=f"interval is '{interval}', which is not positive"):
        timed.run(lambda: op.set_chunk_interval("r", interval))
    check(timed, "7 days")
    assert timed.value("SELECT to_regnamespace('tsmigrate')") is None


@pytest.mark.parametrize("interval", ["soon", 7, "7", "1000000000 years"])
def test_an_interval_of_the_wrong_kind_is_refused(timed: Any, interval: Any) -> None:
    with pytest.raises(DBAPIError, match=f"interval is '{interval}', which is no interval"):
        timed.run(lambda: op.set_chunk_interval("r", interval))
    check(timed, "7 days")


def test_an_interval_of_time_is_refused_where_the_partition_column_is_a_number(migration: Any) -> None:
    migration.execute("CREATE TABLE r (at int NOT NULL)", "SELECT create_hypertable('r', by_range('at', 1000))")
    with pytest.raises(DBAPIError, match="interval is '1 day', which is no whole number"):
        migration.run(lambda: op.set_chunk_interval("r", "1 day"))
    check(migration, "1000")


def test_a_plain_table_and_a_missing_one_are_refused_by_name(timed: Any) -> None:
    timed.execute("CREATE TABLE plain (at timestamptz)")
    with pytest.raises(DBAPIError, match='"plain" is not a hypertable'):
        timed.run(lambda: op.set_chunk_interval("plain", "1 day"))
    with pytest.raises(DBAPIError, match=r'there is no table "s"\."nowhere"'):
        timed.run(lambda: op.set_chunk_interval("nowhere", "1 day", schema="s"))


def test_a_downgrade_without_its_row_is_refused(timed: Any) -> None:
    with pytest.raises(DBAPIError, match=r"tsmigrate.undo has no row of set_chunk_interval"):
        timed.run(lambda: op.restore_chunk_interval("r"))


def test_a_name_with_a_line_break_is_refused() -> None:
    with pytest.raises(UsageError, match="line break"):
        SetChunkInterval("a\nb", None, "1 day").subject  # noqa: B018 - reading it is what is refused


def test_the_reverse_of_the_reverse_is_the_operation() -> None:
    asked = SetChunkInterval("r", "s", "1 day")
    assert asked.reverse().reverse() == asked
    assert asked.to_diff_tuple() == ("set_chunk_interval", "r", "s", "1 day")
    with pytest.raises(UsageError, match="interval"):
        RestoreChunkInterval("r", None).reverse()
