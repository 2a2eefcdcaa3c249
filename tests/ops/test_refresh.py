"""A refresh brings an aggregate in line with its rows, and deletes no bucket whose rows are gone."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from ops_support import alone, refusal
from tsmigrate.errors import UsageError
from tsmigrate.ops.refresh import KeepRefreshed, RefreshContinuousAggregate

revision, down_revision = "refresh", None

community = pytest.mark.edition("community")
ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
HELD = "SELECT coalesce(sum(count), 0) FROM hourly"


def up() -> None:
    op.refresh_continuous_aggregate("hourly")


def down() -> None:
    op.keep_refreshed("hourly")


@pytest.fixture
def hourly(migration: Any) -> Any:
    """An aggregate by the hour, that shows only what was refreshed, over 10 days with a row each hour."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, v int)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-03-01 00:30+00' + n * interval '1 hour', n "
        "FROM generate_series(0, 239) n",
        "CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS "
        "SELECT time_bucket('1 hour', at) AS hour, count(*), sum(v) FROM reading GROUP BY 1 WITH NO DATA",
    )
    return migration


@community
def test_it_fills_the_aggregate_and_the_downgrade_leaves_it(hourly: Any) -> None:
    hourly.there_and_back(up, down, meanwhile=lambda: check(hourly, 240))
    check(hourly, 240)


def check(migration: Any, held: int) -> None:
    assert migration.value(HELD) == held


@community
def test_a_window_is_refreshed_and_no_more(hourly: Any) -> None:
    hourly.run(lambda: op.refresh_continuous_aggregate("hourly", "2026-03-02 00:00+00", "2026-03-04 00:00+00"))
    check(hourly, 48)
    hourly.run(lambda: op.refresh_continuous_aggregate("hourly", start="2026-03-09 00:00+00"))
    check(hourly, 96)


@community
def test_it_can_be_run_again_and_brings_what_changed(hourly: Any) -> None:
    hourly.run(up)
    hourly.run(up)
    hourly.execute("INSERT INTO reading VALUES ('2026-03-02 00:40+00', 1)")
    hourly.run(up)
    check(hourly, 241)


@community
def test_the_printed_sql_does_the_same(hourly: Any) -> None:
    printed = hourly.sql(up)
    alone(hourly, printed[printed.index("COMMIT;") + len("COMMIT;") : printed.rindex("BEGIN;")])
    check(hourly, 240)


@community
def test_odd_names_in_an_odd_schema_and_whole_numbers_are_taken(migration: Any) -> None:
    quoted = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        "CREATE TABLE reading (at int NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', 100))",
        "CREATE FUNCTION present() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1000'",
        "SELECT set_integer_now_func('reading', 'present')",
        "INSERT INTO reading SELECT n FROM generate_series(0, 499) n",
        f"CREATE MATERIALIZED VIEW {quoted} WITH (timescaledb.continuous) AS "
        "SELECT time_bucket(10, at) AS tens, count(*) FROM reading GROUP BY 1 WITH NO DATA",
    )
    migration.run(lambda: op.refresh_continuous_aggregate(ODD, 100, 300, schema="My Schema"))
    assert migration.value(f"SELECT sum(count) FROM {quoted}") == 200
    migration.run(lambda: op.keep_refreshed(ODD, schema="My Schema"))


@community
@pytest.mark.parametrize("start", [None, "2026-03-02 00:00+00"])
def test_buckets_whose_rows_are_gone_are_not_refreshed(hourly: Any, start: str | None) -> None:
    hourly.run(up)
    hourly.execute("SELECT drop_chunks('reading', timestamptz '2026-03-04')")
    told = refusal(hourly, lambda: op.refresh_continuous_aggregate("hourly", start))
    assert 'of the buckets of "hourly" have no rows below them any more' in told
    assert "this refresh would destroy them" in told
    check(hourly, 240)
    hourly.run(lambda: op.refresh_continuous_aggregate("hourly", "2026-03-04 00:00+00"))
    check(hourly, 240)
    alone(hourly, "CALL refresh_continuous_aggregate('hourly', NULL, NULL)")
    check(hourly, 168)  # which is what was refused


@community
def test_a_chunk_that_late_rows_made_anew_does_not_hide_what_is_gone(hourly: Any) -> None:
    hourly.run(up)
    hourly.execute(
        "SELECT drop_chunks('reading', timestamptz '2026-03-02')",
        "INSERT INTO reading VALUES ('2026-03-01 05:00+00', 1), ('2026-03-01 07:00+00', 1)",
    )
    assert '0 of the buckets of "hourly" have no rows below them any more, and 22 would' in refusal(hourly, up)


@community
def test_an_aggregate_over_another_is_not_harmed_by_what_is_dropped_below(hourly: Any) -> None:
    hourly.execute(
        "CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 day', hour) AS day, sum(count) FROM hourly GROUP BY 1 WITH NO DATA"
    )
    hourly.run(up)
    hourly.run(lambda: op.refresh_continuous_aggregate("daily"))
    hourly.execute("SELECT drop_chunks('reading', timestamptz '2026-03-04')")
    hourly.run(lambda: op.refresh_continuous_aggregate("daily"))
    assert hourly.value("SELECT sum(sum) FROM daily") == 240


@community
@pytest.mark.parametrize(
    ("change", "late"),
    [("UPDATE reading SET v = v + 1000 WHERE at = '2026-03-02 00:30+00'", 0),
     ("INSERT INTO reading VALUES ('2026-03-02 00:45+00', 1000)", 1)],
)  # fmt: skip
def test_real_time_reading_does_not_show_what_changes_in_an_aggregated_bucket(
    hourly: Any, change: str, late: int
) -> None:
    """Only rows above what is filled are aggregated as they are read; a refresh that covers the bucket shows it."""
    hourly.execute("ALTER MATERIALIZED VIEW hourly SET (timescaledb.materialized_only = false)")
    hourly.run(up)
    before = hourly.value("SELECT sum(sum) FROM hourly")
    hourly.execute(change, "INSERT INTO reading VALUES ('2026-03-20 00:30+00', 7)")
    assert hourly.value("SELECT sum(sum) FROM hourly") == before + 7
    hourly.run(lambda: op.refresh_continuous_aggregate("hourly", "2026-03-05 00:00+00"))
    assert hourly.value("SELECT sum(sum) FROM hourly") == before + 7
    hourly.run(lambda: op.refresh_continuous_aggregate("hourly", "2026-03-01 00:00+00"))
    assert hourly.value("SELECT sum(sum) FROM hourly") == before + 1007
    check(hourly, 241 + late)


@community
def test_it_is_alone_in_its_revision(hourly: Any) -> None:
    def after() -> None:
        up()
        op.set_chunk_interval("reading", "2 days")

    with pytest.raises(CommandError, match="shares revision refresh"):
        hourly.run(after)


@community
def test_what_is_no_aggregate_is_refused_by_name(hourly: Any) -> None:
    told = refusal(hourly, lambda: op.refresh_continuous_aggregate("reading"))
    assert '"reading" is not a continuous aggregate' in told
    assert 'there is no table "x"' in refusal(hourly, lambda: op.refresh_continuous_aggregate("x"))
    with pytest.raises(DBAPIError, match="invalid input syntax"):
        hourly.run(lambda: op.refresh_continuous_aggregate("hourly", "soon"))


@pytest.mark.edition("apache")
def test_the_apache_edition_is_refused_or_skipped(
    migration: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert "needs TimescaleDB Community" in refusal(migration, up)
    settings["on_unsupported"] = "skip"
    migration.there_and_back(up, down)
    migration.run(up)
    migration.run(up)  # cut off after it was skipped, and run again
    migration.run(down)
    assert migration.value("SELECT to_regnamespace('tsmigrate')") is None
    assert 'skipped: refresh_continuous_aggregate of "hourly"' in caplog.text


def test_it_can_be_written_and_reversed() -> None:
    asked = RefreshContinuousAggregate("a", "s", "2026-01-01")
    assert asked.reverse().reverse() == asked
    assert 'op.refresh_continuous_aggregate("a", start="2026-01-01", schema="s")' in (
        render_python_code(UpgradeOps([asked]))
    )
    assert 'op.keep_refreshed("a", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))
    with pytest.raises(UsageError, match="does not know what was refreshed"):
        KeepRefreshed("a", None).reverse()
