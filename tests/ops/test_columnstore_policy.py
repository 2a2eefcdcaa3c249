"""A columnstore policy comes with the upgrade and goes with the downgrade."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import UsageError
from tsmigrate.ops.columnstore_policy import AddColumnstorePolicy, RemoveColumnstorePolicy

revision, down_revision = "columnstore_policy", None

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
POLICY = (
    "SELECT schedule_interval || ' ' || (config ->> 'compress_after') "
    "FROM timescaledb_information.jobs WHERE job_id > 999"
)
community = pytest.mark.edition("community")


def up() -> None:
    op.add_columnstore_policy("reading", "7 days", schedule_interval="3 hours")


def down() -> None:
    op.remove_columnstore_policy("reading")


@pytest.fixture
def reading(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
    )
    return migration


@pytest.fixture
def stored(reading: Any) -> Any:
    reading.execute("ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')")
    return reading


@community
def test_a_downgrade_takes_the_policy_away(stored: Any) -> None:
    stored.there_and_back(up, down, meanwhile=lambda: check(stored, "03:00:00 7 days"))
    stored.there_and_back(
        lambda: op.add_columnstore_policy("reading", "90 minutes"),
        down,
        meanwhile=lambda: check(stored, "12:00:00 01:30:00"),
    )


def check(database: Any, policy: str) -> None:
    assert database.value(POLICY) == policy


@community
def test_a_whole_number_serves_where_the_partition_column_is_one(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at int NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', 10))",
        "ALTER TABLE reading SET (timescaledb.compress)",
    )
    with pytest.raises(DBAPIError, match="nothing says which number is now"):
        migration.run(lambda: op.add_columnstore_policy("reading", 20))
    migration.execute(
        "CREATE FUNCTION present() RETURNS int LANGUAGE sql STABLE AS 'SELECT 42'",
        "SELECT set_integer_now_func('reading', 'present')",
    )
    with pytest.raises(DBAPIError, match="after is '7 days', which is no whole number"):
        migration.run(lambda: op.add_columnstore_policy("reading", "7 days"))
    migration.there_and_back(
        lambda: op.add_columnstore_policy("reading", 20), down, meanwhile=lambda: check(migration, "1 day 20")
    )


@community
def test_another_table_s_retention_by_time_says_nothing_about_numbers(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at int NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', 10))",
        "ALTER TABLE reading SET (timescaledb.compress)",
        "CREATE FUNCTION present() RETURNS int LANGUAGE sql STABLE AS 'SELECT 42'",
        "SELECT set_integer_now_func('reading', 'present')",
        "CREATE TABLE other (at timestamptz NOT NULL)",
        "SELECT create_hypertable('other', by_range('at'))",
        "SELECT add_retention_policy('other', interval '3 days')",
        "SELECT add_retention_policy('reading', 15)",
    )
    with pytest.raises(DBAPIError, match="retention policy drops chunks after 15, before"):
        migration.run(lambda: op.add_columnstore_policy("reading", 20))
    migration.run(lambda: op.add_columnstore_policy("reading", 10))


@community
def test_an_odd_name_in_an_odd_schema_is_found(migration: Any) -> None:
    table = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f"CREATE TABLE {table} (at timestamptz NOT NULL)",
        f"SELECT create_hypertable('{table}', by_range('at', interval '1 day'))",
        f"ALTER TABLE {table} SET (timescaledb.compress)",
    )
    migration.there_and_back(
        lambda: op.add_columnstore_policy(ODD, "7 days", schema="My Schema"),
        lambda: op.remove_columnstore_policy(ODD, schema="My Schema"),
    )


@community
@pytest.mark.parametrize(
    ("after", "schedule", "reason"),
    [
        ("0", None, "after is '0', which is not positive"),
        ("-1 day", None, "after is '-1 day', which is not positive"),
        ("soon", None, "after is 'soon', which is no interval"),
        (7, None, "after is '7', which is no interval"),
        ("7", None, "after is '7', which is no interval"),
        ("7 days", "-1 hour", "schedule_interval is '-1 hour', which is not positive"),
        ("7 days", "often", "schedule_interval is 'often', which is no interval"),
    ],
)
def test_intervals_that_make_no_sense_are_refused(stored: Any, after: Any, schedule: Any, reason: str) -> None:
    before = stored.snapshot()
    with pytest.raises(DBAPIError, match=reason):
        stored.run(lambda: op.add_columnstore_policy("reading", after, schedule_interval=schedule))
    assert stored.snapshot() == before


@community
def test_all_reasons_against_it_are_told_at_once(reading: Any) -> None:
    # A role of this name may be left by a run that was cut off: roles belong to the server.
    reading.execute("DROP ROLE IF EXISTS silent_owner", "CREATE ROLE silent_owner NOLOGIN")
    try:
        reading.execute("ALTER TABLE reading OWNER TO silent_owner")
        before = reading.snapshot()
        with pytest.raises(DBAPIError) as refused:
            reading.run(lambda: op.add_columnstore_policy("reading", "-1 day"))
        assert reading.snapshot() == before
    finally:
        reading.execute("ALTER TABLE reading OWNER TO CURRENT_USER", "DROP ROLE silent_owner")
    told = str(refused.value.orig)
    for reason in ("not enabled", "op.set_columnstore", "not positive", "owner silent_owner may not log in"):
        assert reason in told, told


@community
def test_a_second_policy_and_one_that_retention_forestalls_are_refused(stored: Any) -> None:
    stored.execute("SELECT add_retention_policy('reading', interval '3 days')")
    with pytest.raises(DBAPIError, match="retention policy drops chunks after 3 days"):
        stored.run(up)
    stored.run(lambda: op.add_columnstore_policy("reading", "2 days"))
    with pytest.raises(DBAPIError, match="has a columnstore policy already"):
        stored.run(lambda: op.add_columnstore_policy("reading", "1 day"))


@community
def test_a_downgrade_goes_on_where_somebody_removed_the_policy(stored: Any, caplog: pytest.LogCaptureFixture) -> None:
    stored.run(up)
    stored.execute("SELECT remove_compression_policy('reading')")
    caplog.set_level("INFO", "tsmigrate")
    stored.run(down)
    assert '"reading" has no columnstore policy any more' in caplog.text


@community
def test_the_printed_sql_does_the_same(stored: Any) -> None:
    before = stored.snapshot()
    stored.execute(stored.sql(up))
    check(stored, "03:00:00 7 days")
    stored.execute(stored.sql(down))
    assert stored.snapshot() == before


@pytest.mark.edition("apache")
def test_the_apache_edition_refuses_it_or_skips_it_both_ways(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DBAPIError, match=r'add_columnstore_policy of "reading" needs TimescaleDB Community'):
        reading.run(up)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(up, down)
    assert 'skipped: add_columnstore_policy of "reading"' in caplog.text


def test_it_can_be_written_and_reversed() -> None:
    asked = AddColumnstorePolicy("t", "s", "7 days", "1 hour")
    assert asked.reverse().reverse() == asked
    assert 'op.add_columnstore_policy("t", "7 days", schedule_interval="1 hour", schema="s")' in (
        render_python_code(UpgradeOps([asked]))
    )
    assert 'op.remove_columnstore_policy("t", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))
    with pytest.raises(UsageError, match="does not know the policy"):
        RemoveColumnstorePolicy("t", None).reverse()
