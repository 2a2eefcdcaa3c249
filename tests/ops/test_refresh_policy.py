"""A refresh policy is added where its window makes sense and destroys nothing, and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps

from ops_support import alone, refusal, run_job
from tsmigrate.errors import UsageError
from tsmigrate.ops.refresh_policy import AddRefreshPolicy, RemoveRefreshPolicy

revision, down_revision = "refresh_policy", None

community = pytest.mark.edition("community")
ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
CONFIG = (
    "SELECT config - 'mat_hypertable_id' FROM timescaledb_information.jobs "
    "WHERE proc_name = 'policy_refresh_continuous_aggregate'"
)


def up() -> None:
    op.add_refresh_policy("hourly", "5 days", "1 hour", "15 minutes")


def down() -> None:
    op.remove_refresh_policy("hourly")


@pytest.fixture
def hourly(migration: Any) -> Any:
    """An aggregate by the hour over the last 30 days, a row each hour."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, v int)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT now() - n * interval '1 hour', n FROM generate_series(0, 719) n",
        "CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 hour', at) AS hour, count(*) FROM reading GROUP BY 1 WITH NO DATA",
    )
    return migration


@community
def test_a_downgrade_takes_the_policy_away(hourly: Any) -> None:
    def check() -> None:
        assert hourly.value(CONFIG) == {"start_offset": "5 days", "end_offset": "01:00:00"}
        run_job(hourly, "policy_refresh_continuous_aggregate")
        assert hourly.value("SELECT count(*) FROM hourly") in {117, 118, 119}

    hourly.there_and_back(up, down, meanwhile=check)
    assert hourly.value("SELECT to_regnamespace('tsmigrate')") is None


@community
def test_offsets_may_be_left_open(hourly: Any) -> None:
    for start, end in ((None, None), ("3 hours", None), (None, "1 hour")):
        hourly.there_and_back(
            lambda: op.add_refresh_policy("hourly", start, end, "1 hour"),  # noqa: B023 - used at once
            down,
        )


@community
def test_the_printed_sql_does_the_same(hourly: Any) -> None:
    before = hourly.snapshot()
    hourly.execute(hourly.sql(up))
    assert hourly.value(CONFIG) is not None
    hourly.execute(hourly.sql(down))
    assert hourly.snapshot() == before


@community
@pytest.mark.parametrize("kind", ["smallint", "int", "bigint"])
def test_odd_names_in_an_odd_schema_and_whole_numbers_are_taken(migration: Any, kind: str) -> None:
    quoted = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f"CREATE TABLE reading (at {kind} NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', 100))",
        f"CREATE FUNCTION present() RETURNS {kind} LANGUAGE sql STABLE AS 'SELECT 1000::{kind}'",
        "SELECT set_integer_now_func('reading', 'present')",
        f"CREATE MATERIALIZED VIEW {quoted} WITH (timescaledb.continuous) AS "
        f"SELECT time_bucket(10::{kind}, at) AS tens, count(*) FROM reading GROUP BY 1 WITH NO DATA",
    )
    migration.there_and_back(
        lambda: op.add_refresh_policy(ODD, 100, 10, "1 hour", schema="My Schema"),
        lambda: op.remove_refresh_policy(ODD, schema="My Schema"),
    )
    told = refusal(migration, lambda: op.add_refresh_policy(ODD, 25, 10, "1 hour", schema="My Schema"))
    assert "less than two buckets of 10" in told


@community
@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("1 hour", "2 hours", "start_offset 1 hour is not before end_offset 2 hours"),
        ("2 hours", "2 hours", "is not before"),
        ("150 minutes", "1 hour", "is less than two buckets of 01:00:00"),
        ("soon", None, "start_offset is 'soon', which is no interval"),
        (7, None, "start_offset is '7', which is no interval"),
        (None, 3, "end_offset is '3', which is no interval"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(hourly: Any, start: Any, end: Any, reason: str) -> None:
    assert reason in refusal(hourly, lambda: op.add_refresh_policy("hourly", start, end, "1 hour"))


@community
def test_a_window_of_two_buckets_will_do(hourly: Any) -> None:
    hourly.there_and_back(lambda: op.add_refresh_policy("hourly", "3 hours", "1 hour", "1 hour"), down)
    hourly.execute(
        "CREATE MATERIALIZED VIEW monthly WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 month', at) AS month, count(*) FROM reading GROUP BY 1 WITH NO DATA"
    )
    hourly.there_and_back(
        lambda: op.add_refresh_policy("monthly", "61 days", "1 hour", "1 hour"),
        lambda: op.remove_refresh_policy("monthly"),
    )
    told = refusal(hourly, lambda: op.add_refresh_policy("monthly", "2 months", "1 hour", "1 hour"))
    assert "less than two buckets of 1 mon" in told


@community
def test_all_reasons_against_it_are_told_at_once(hourly: Any) -> None:
    owner = f"owner_of_{hourly.database.url.database}"
    hourly.run(up)
    hourly.execute(
        "SELECT add_retention_policy('reading', interval '1 hour')",
        f"CREATE ROLE {owner}",
        f"ALTER TABLE reading OWNER TO {owner}",
        f"ALTER MATERIALIZED VIEW hourly OWNER TO {owner}",
    )
    try:
        told = refusal(hourly, lambda: op.add_refresh_policy("hourly", "90 minutes", "1 hour", "-1 hour"))
    finally:
        hourly.execute(f"DROP OWNED BY {owner} CASCADE", f"DROP ROLE {owner}")
    for reason in (
        "less than two buckets",
        "schedule_interval is '-1 hour', which is not positive",
        "may not log in",
        "it has a refresh policy already, from 5 days to 01:00:00",
        "retention drops the rows of public.reading, below it, after 01:00:00: a refresh from 90 minutes on deletes",
    ):
        assert reason in told, told


@community
@pytest.mark.parametrize(("start", "refused"), [("9 days", False), ("10 days", True), ("30 days", True), (None, True)])
def test_a_refresh_must_not_reach_what_retention_drops(hourly: Any, start: str | None, refused: bool) -> None:
    alone(hourly, "CALL refresh_continuous_aggregate('hourly', NULL, NULL)")
    buckets = hourly.value("SELECT count(*) FROM hourly")
    hourly.execute("SELECT add_retention_policy('reading', interval '10 days')")

    def add() -> None:
        op.add_refresh_policy("hourly", start, "1 hour", "1 hour")

    if refused:
        assert "make start_offset shorter" in refusal(hourly, add)
        return
    hourly.run(add)
    run_job(hourly, "policy_retention")
    run_job(hourly, "policy_refresh_continuous_aggregate")
    assert hourly.value("SELECT count(*) FROM hourly") == buckets


@community
def test_refreshes_that_leave_gaps_are_refused_where_rows_are_dropped(hourly: Any) -> None:
    def add() -> None:
        op.add_refresh_policy("hourly", "5 hours", "1 hour", "1 day")

    hourly.there_and_back(add, down)
    hourly.execute("SELECT add_retention_policy('reading', interval '10 days')")
    assert "of a window of 04:00:00 leaves rows out" in refusal(hourly, add)


@community
def test_an_aggregate_over_another_is_judged_by_that_one(hourly: Any) -> None:
    hourly.execute(
        "CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 day', hour) AS day, sum(count) FROM hourly GROUP BY 1 WITH NO DATA",
        "SELECT add_retention_policy('reading', interval '10 days')",
    )
    for name in ("hourly", "daily"):
        alone(hourly, f"CALL refresh_continuous_aggregate('{name}', NULL, NULL)")
    days = hourly.value("SELECT count(*) FROM daily")

    def add() -> None:
        op.add_refresh_policy("daily", None, "1 day", "1 hour")

    hourly.run(add)
    run_job(hourly, "policy_retention")
    hourly.execute("INSERT INTO reading VALUES (now() - interval '8 days', 1)")
    alone(hourly, "CALL refresh_continuous_aggregate('hourly', now() - interval '9 days', NULL)")
    run_job(hourly, "policy_refresh_continuous_aggregate")
    assert hourly.value("SELECT count(*) FROM daily") == days
    hourly.run(lambda: op.remove_refresh_policy("daily"))
    hourly.execute("SELECT add_retention_policy('hourly', interval '20 days')")
    assert "drops the rows of public.hourly, below it, after 20 days" in refusal(hourly, add)


@community
def test_what_is_no_aggregate_is_refused_by_name(hourly: Any) -> None:
    told = refusal(hourly, lambda: op.add_refresh_policy("reading", None, None, "1 hour"))
    assert '"reading" is not a continuous aggregate' in told


@pytest.mark.edition("apache")
def test_the_apache_edition_is_refused_or_skipped(
    migration: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert "needs TimescaleDB Community" in refusal(migration, up)
    settings["on_unsupported"] = "skip"
    migration.there_and_back(up, down)
    assert 'skipped: add_refresh_policy of "hourly"' in caplog.text


def test_it_can_be_written_and_reversed() -> None:
    asked = AddRefreshPolicy("a", "s", None, "1 hour", "15 minutes")
    assert asked.reverse().reverse() == asked
    assert 'op.remove_refresh_policy("a", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))
    assert render_python_code(UpgradeOps([asked])).splitlines()[1].strip() == (
        'op.add_refresh_policy("a", None, "1 hour", "15 minutes", schema="s")'
    )
    with pytest.raises(UsageError, match="does not know the policy"):
        RemoveRefreshPolicy("a", None).reverse()
