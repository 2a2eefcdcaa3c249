"""Retention is added where it destroys nothing but old rows, and taken back while none are gone."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps

from ops_support import alone, refusal, run_job
from tsmigrate.errors import UsageError
from tsmigrate.ops.retention_policy import AddRetentionPolicy, RemoveRetentionPolicy

revision, down_revision = "retention", None

community = pytest.mark.edition("community")
ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
AGGREGATE = """
CREATE MATERIALIZED VIEW "Hourly %" WITH (timescaledb.continuous) AS
SELECT time_bucket('1 hour', at) AS hour, count(*) FROM reading GROUP BY 1 WITH NO DATA
"""


# A job that is called leaves no trace: this is what a background worker writes of it.
RAN_IN_THE_BACKGROUND = """
INSERT INTO _timescaledb_internal.bgw_job_stat
  (job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs, total_duration,
   total_duration_failures, total_successes, total_failures, total_crashes, consecutive_failures, consecutive_crashes)
SELECT job_id, now(), now(), now(), now(), true, 1, '1 s', '0', 1, 0, 0, 0, 0
FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'
"""


def up() -> None:
    op.add_retention_policy("reading", "3 months")


def down() -> None:
    op.remove_retention_policy("reading")


@pytest.fixture
def reading(migration: Any) -> Any:
    """A hypertable with 30 chunks, a day each, up to now."""
    migration.execute(
        "CREATE TABLE reading (id int, at timestamptz NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT n, now() - n * interval '1 day' FROM generate_series(0, 29) n",
    )
    return migration


@community
def test_a_downgrade_takes_the_policy_away(reading: Any) -> None:
    config = "SELECT config ->> 'drop_after' FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    reading.there_and_back(up, down, meanwhile=lambda: check(reading, config, "3 mons"))
    check(reading, "SELECT to_regnamespace('tsmigrate')", None)


def check(migration: Any, query: str, expected: Any) -> None:
    found = migration.value(query)
    assert (str(found) if isinstance(expected, str) else found) == expected


@community
def test_the_schedule_is_what_was_asked_for(reading: Any) -> None:
    reading.run(lambda: op.add_retention_policy("reading", "3 months", "2 hours"))
    check(
        reading,
        "SELECT schedule_interval FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'",
        "2:00:00",
    )


@community
def test_the_printed_sql_does_the_same(reading: Any) -> None:
    before = reading.snapshot()
    reading.execute(reading.sql(up))
    check(reading, "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'", 1)
    reading.execute(reading.sql(down))
    assert reading.snapshot() == before


@community
def test_an_odd_name_in_an_odd_schema_is_found(migration: Any) -> None:
    quoted = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f"CREATE TABLE {quoted} (at timestamptz NOT NULL)",
        f"SELECT create_hypertable('{quoted}', by_range('at', interval '7 days'))",
    )
    migration.there_and_back(
        lambda: op.add_retention_policy(ODD, "1 year", schema="My Schema"),
        lambda: op.remove_retention_policy(ODD, schema="My Schema"),
    )


@community
def test_it_works_on_a_continuous_aggregate(reading: Any) -> None:
    reading.execute(AGGREGATE)
    reading.there_and_back(
        lambda: op.add_retention_policy("Hourly %", "1 year"), lambda: op.remove_retention_policy("Hourly %")
    )


@community
def test_a_whole_number_serves_where_the_partition_column_is_one(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at bigint NOT NULL)", "SELECT create_hypertable('reading', by_range('at', 1000))"
    )
    told = refusal(migration, lambda: op.add_retention_policy("reading", 5000))
    assert "nothing says which number is now" in told
    migration.execute(
        "CREATE FUNCTION present() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 42000::bigint'",
        "SELECT set_integer_now_func('reading', 'present')",
        "INSERT INTO reading SELECT n * 100 FROM generate_series(1, 400) n",
    )
    migration.there_and_back(lambda: op.add_retention_policy("reading", 50000), down)
    migration.run(lambda: op.add_retention_policy("reading", 5000))
    run_job(migration, "policy_retention")
    assert "37 of the 41 chunks that there were at the upgrade have been dropped" in refusal(migration, down)


@community
def test_all_reasons_against_it_are_told_at_once(reading: Any) -> None:
    reading.execute(
        "ALTER TABLE reading ADD PRIMARY KEY (id, at)",
        "CREATE TABLE note (id int, at timestamptz, CONSTRAINT of_reading FOREIGN KEY (id, at) REFERENCES reading)",
        AGGREGATE,
        """SELECT add_continuous_aggregate_policy('"Hourly %"', NULL, interval '1 hour', interval '1 hour')""",
        "ALTER TABLE reading SET (timescaledb.compress)",
        "SELECT add_compression_policy('reading', interval '40 days')",
        "SELECT add_retention_policy('reading', interval '1 year')",
    )
    told = refusal(reading, lambda: op.add_retention_policy("reading", "10 days", "-1 hour"))
    for reason in (
        "schedule_interval is '-1 hour', which is not positive",
        "it has a retention policy already, which drops after 1 year",
        "foreign key of_reading of note points at it",
        "op.drop_foreign_key_to('reading')",
        'continuous aggregate public."Hourly %" is refreshed from the beginning on',
        "columnstore policy waits 40 days",
    ):
        assert reason in told, told


@community
@pytest.mark.parametrize("drop_after", ["0", "-1 day", "00:00:00"])
def test_an_age_that_is_not_positive_is_refused(reading: Any, drop_after: str) -> None:
    assert "reading" in refusal(reading, lambda: op.add_retention_policy("reading", drop_after))


@community
@pytest.mark.parametrize("drop_after", ["soon", 7, "1000000000 years"])
def test_an_age_of_the_wrong_kind_is_refused(reading: Any, drop_after: Any) -> None:
    assert "which is no interval" in refusal(reading, lambda: op.add_retention_policy("reading", drop_after))


@community
def test_an_owner_who_cannot_log_in_is_refused(reading: Any) -> None:
    owner = f"owner_of_{reading.database.url.database}"
    reading.execute(f"CREATE ROLE {owner}", f"ALTER TABLE reading OWNER TO {owner}")
    try:
        assert f"ALTER ROLE {owner} LOGIN" in refusal(reading, up)
        reading.execute(f"ALTER ROLE {owner} LOGIN")
        reading.there_and_back(up, down)
    finally:
        reading.execute(f"DROP OWNED BY {owner} CASCADE", f"DROP ROLE {owner}")


@community
@pytest.mark.parametrize(
    ("start", "refused"), [("interval '9 days'", False), ("interval '10 days'", True), ("NULL", True)]
)
def test_an_aggregate_must_not_be_refreshed_over_what_is_dropped(reading: Any, start: str, refused: bool) -> None:
    """And what is let through keeps its buckets."""
    reading.execute(AGGREGATE)
    alone(reading, """CALL refresh_continuous_aggregate('"Hourly %"', NULL, NULL)""")
    reading.execute(f"""SELECT add_continuous_aggregate_policy('"Hourly %"', {start}, interval '1 hour', '1 hour')""")
    buckets = reading.value('SELECT count(*) FROM "Hourly %"')
    if refused:
        told = refusal(reading, lambda: op.add_retention_policy("reading", "10 days"))
        assert 'public."Hourly %"' in told
        assert "op.add_refresh_policy" in told
        reading.execute("SELECT add_retention_policy('reading', interval '10 days')")
    else:
        reading.run(lambda: op.add_retention_policy("reading", "10 days"))
    run_job(reading, "policy_retention")
    run_job(reading, "policy_refresh_continuous_aggregate")
    left = reading.value('SELECT count(*) FROM "Hourly %"')
    if start == "NULL":
        assert left < buckets
    elif not refused:
        assert left == buckets


@community
def test_refreshes_that_leave_gaps_are_refused(reading: Any) -> None:
    reading.execute(
        AGGREGATE,
        """SELECT add_continuous_aggregate_policy('"Hourly %"', interval '5 hours', interval '1 hour', '1 day')""",
    )
    assert "would be dropped and never be aggregated" in refusal(reading, up)


@community
def test_an_aggregate_that_nothing_refreshes_is_warned_of(reading: Any, caplog: pytest.LogCaptureFixture) -> None:
    reading.execute(AGGREGATE)
    reading.run(up)
    assert 'whether or not public."Hourly %" holds them' in caplog.text


@community
def test_a_policy_that_ran_and_dropped_nothing_is_taken_back(reading: Any, caplog: pytest.LogCaptureFixture) -> None:
    before = reading.snapshot()
    reading.run(up)
    run_job(reading, "policy_retention")
    reading.execute(RAN_IN_THE_BACKGROUND, "INSERT INTO reading VALUES (7, now() + interval '40 days')")
    reading.run(down)
    assert reading.snapshot() == before
    assert "what it may have dropped does not come back" in caplog.text


@community
def test_chunks_dropped_since_are_told_and_need_a_word(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    before = reading.snapshot()
    reading.run(lambda: op.add_retention_policy("reading", "10 days"))
    run_job(reading, "policy_retention")
    told = refusal(reading, down)
    assert "19 of the 30 chunks that there were at the upgrade have been dropped" in told
    assert "tsmigrate.allow_data_loss = true" in told
    settings["allow_data_loss"] = "true"
    reading.run(down)
    assert reading.snapshot() == before
    assert "have been dropped" in caplog.text


@community
def test_chunks_dropped_by_hand_count_as_well(reading: Any) -> None:
    reading.run(up)
    reading.execute("SELECT drop_chunks('reading', older_than => interval '20 days')")
    assert "have been dropped" in refusal(reading, down)


@community
def test_chunks_made_and_dropped_since_are_noticed(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (id int, at timestamptz NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
    )
    migration.run(up)
    migration.execute("INSERT INTO reading VALUES (1, now()), (2, '2020-01-01')")
    run_job(migration, "policy_retention")
    migration.execute(RAN_IN_THE_BACKGROUND)
    check(migration, "SELECT count(*) FROM reading", 1)
    assert "1 numbers of chunks are missing" in refusal(migration, down)


@community
def test_chunks_dropped_and_made_again_by_late_rows_are_noticed(reading: Any) -> None:
    reading.run(up)
    reading.execute(
        "SELECT drop_chunks('reading', older_than => interval '20 days')",
        "INSERT INTO reading SELECT n, now() - n * interval '1 day' FROM generate_series(0, 29) n",
    )
    assert "have been dropped" in refusal(reading, down)


@community
def test_compressing_and_merging_chunks_drops_none(reading: Any) -> None:
    reading.run(up)
    reading.execute(
        "ALTER TABLE reading SET (timescaledb.compress)",
        "SELECT compress_chunk(c) FROM show_chunks('reading') c",
        "SELECT decompress_chunk(c) FROM show_chunks('reading') c",
    )
    reading.run(down)
    reading.run(up)
    reading.execute(
        "DO $$ DECLARE merged regclass[] := ARRAY(SELECT c FROM show_chunks('reading', interval '26 days') c); "
        "BEGIN CALL merge_chunks(merged); END $$"
    )
    check(reading, "SELECT count(*) < 30 FROM show_chunks('reading')", True)
    reading.run(down)


@community
def test_another_hypertable_that_came_and_went_is_no_loss(reading: Any) -> None:
    reading.run(up)
    reading.execute(
        "CREATE TABLE other (at timestamptz NOT NULL)",
        "SELECT create_hypertable('other', by_range('at'))",
        "INSERT INTO other VALUES (now())",
        "DROP TABLE other",
    )
    reading.run(down)


@community
def test_inserts_that_were_rolled_back_are_no_loss(reading: Any) -> None:
    reading.run(up)
    reading.execute(
        "DO $$ BEGIN INSERT INTO reading VALUES (8, now() + interval '50 days'); RAISE division_by_zero; "
        "EXCEPTION WHEN division_by_zero THEN NULL; END $$"
    )
    reading.run(down)


@community
def test_a_plain_table_and_a_missing_one_are_refused_by_name(migration: Any) -> None:
    migration.execute("CREATE TABLE plain (at timestamptz)")
    assert '"plain" is not a hypertable' in refusal(migration, lambda: op.add_retention_policy("plain", "1 day"))
    told = refusal(migration, lambda: op.add_retention_policy("nowhere", "1 day", schema="s"))
    assert 'there is no table "s"."nowhere"' in told


@pytest.mark.edition("apache")
def test_the_apache_edition_is_refused_or_skipped(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert "call drop_chunks from a scheduler" in refusal(reading, up)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(up, down)
    assert 'skipped: add_retention_policy of "reading" (needs TimescaleDB Community 2.19)' in caplog.text
    check(reading, "SELECT count(*) FROM reading", 30)


def test_it_can_be_written_and_reversed() -> None:
    asked = AddRetentionPolicy("t", "s", "1 year")
    assert asked.reverse().reverse() == asked
    assert 'op.add_retention_policy("t", "1 year", schema="s")' in render_python_code(UpgradeOps([asked]))
    assert 'op.remove_retention_policy("t", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))
    with pytest.raises(UsageError, match="does not know the policy"):
        RemoveRetentionPolicy("t", None).reverse()
