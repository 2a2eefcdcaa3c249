"""A continuous aggregate is created, and dropped only while its buckets can be made again, or are kept elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from ops_support import alone, forget, refresh, refusal
from tsmigrate import connect
from tsmigrate.errors import UsageError
from tsmigrate.ops.continuous_aggregate import (
    CreateContinuousAggregate,
    DropContinuousAggregate,
    RestoreContinuousAggregate,
)
from tsmigrate.sql import raw

revision, down_revision = "aggregate", None

community = pytest.mark.edition("community")
ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
HOURLY = """
SELECT time_bucket('1 hour', at) AS hour, device, avg(v) AS "the % mean",
       count(*) FILTER (WHERE note = 'two
lines: and $$') AS noted
  FROM reading GROUP BY 1, 2;
"""
DAYS_CUT = "SELECT time_bucket('7 hours', at) AS bucket, sum(v), count(*) FROM reading GROUP BY 1"


def up() -> None:
    op.create_continuous_aggregate("Hourly %", HOURLY)


def down() -> None:
    op.drop_continuous_aggregate("Hourly %")


def restored() -> None:
    op.restore_continuous_aggregate("Hourly %")


@pytest.fixture
def reading(migration: Any) -> Any:
    """A hypertable with 10 chunks of a day each, a row an hour."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, v float8, note text)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-03-01 00:30+00' + n * interval '1 hour', n % 3, n / 7.0, "
        "CASE n % 2 WHEN 0 THEN E'two\\nlines: and $$' END FROM generate_series(0, 239) n",
    )
    return migration


@community
def test_a_downgrade_takes_the_aggregate_away(reading: Any) -> None:
    reading.there_and_back(up, down, meanwhile=lambda: refresh(reading))
    assert reading.value("SELECT to_regnamespace('tsmigrate')") is None


@community
def test_it_is_made_without_data_and_shows_rows_as_they_are(reading: Any) -> None:
    reading.run(up)
    assert reading.value("SELECT count(*) FROM show_chunks('\"Hourly %\"')") == 0
    assert reading.value('SELECT sum(noted) FROM "Hourly %"') == 120
    reading.run(down)
    reading.run(lambda: op.create_continuous_aggregate("Hourly %", HOURLY, materialized_only=True))
    assert reading.value('SELECT count(*) FROM "Hourly %"') == 0


@community
def test_the_printed_sql_does_the_same(reading: Any) -> None:
    before = reading.snapshot()
    reading.execute(reading.sql(up))
    assert reading.value('SELECT sum(noted) FROM "Hourly %"') == 120
    reading.execute(reading.sql(down))
    assert reading.snapshot() == before


@community
def test_odd_names_in_an_odd_schema_are_found(migration: Any) -> None:
    table, aggregate = ('"My Schema"."' + name.replace('"', '""') + '"' for name in (ODD, ODD[1:]))
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE {table} ("At ""x" timestamp NOT NULL)',
        f"""SELECT create_hypertable('{table}', by_range('At "x', interval '7 days'))""",
        f"INSERT INTO {table} VALUES ('2026-01-01'), ('2026-02-01')",
    )
    query = f"""SELECT time_bucket('1 month', "At ""x") AS "by ""%", count(*) FROM {table} GROUP BY 1"""
    migration.there_and_back(
        lambda: op.create_continuous_aggregate(ODD[1:], query, schema="My Schema"),
        lambda: op.drop_continuous_aggregate(ODD[1:], schema="My Schema"),
        meanwhile=lambda: alone(migration, f"CALL refresh_continuous_aggregate('{aggregate}', NULL, NULL)"),
    )
    migration.run(lambda: op.create_continuous_aggregate(ODD[1:], query, schema="My Schema"))
    forget(migration)
    migration.there_and_back(
        lambda: op.drop_continuous_aggregate(ODD[1:], schema="My Schema"),
        lambda: op.restore_continuous_aggregate(ODD[1:], schema="My Schema"),
    )


BAD = {
    "SELECT device, count(*) FROM reading GROUP BY 1": "group by time_bucket",
    "SELECT date_trunc('hour', at), count(*) FROM reading GROUP BY 1": "group by time_bucket",
    "SELECT time_bucket('1 h', at), time_bucket('2 h', at), count(*) FROM reading GROUP BY 1, 2": "keep one",
    "WITH x AS (SELECT * FROM reading) SELECT time_bucket('1 h', at), count(*) FROM x GROUP BY 1": "a second aggregate",
    "SELECT time_bucket('1 h', at), count(*) FROM (SELECT * FROM reading) x GROUP BY 1": "a second aggregate",
    "SELECT DISTINCT time_bucket('1 h', at), count(*) FROM reading GROUP BY 1": "GROUP BY instead",
    "SELECT time_bucket('1 h', at), count(*), rank() OVER () FROM reading GROUP BY 1": "where the aggregate is read",
    "SELECT time_bucket('1 h', r.at), count(*) FROM reading r RIGHT JOIN plain USING (device) GROUP BY 1": "turn it",
    "SELECT time_bucket('1 h', r.at), count(*) FROM reading r JOIN other USING (device) GROUP BY 1": "each hypertable",
    "SELECT time_bucket('1 h', at), count(*) FROM plain GROUP BY 1": "op.create_hypertable",
    "SELECT time_bucket('1 h', at), count(*) FROM reading GROUP BY 1 LIMIT 3": "Use LIMIT",
}


@community
@pytest.mark.parametrize("query", BAD)
def test_the_server_s_refusal_is_told_with_a_mend(reading: Any, query: str) -> None:
    reading.execute(
        "CREATE TABLE plain (at timestamptz NOT NULL, device int)",
        "CREATE TABLE other (LIKE plain)",
        "SELECT create_hypertable('other', 'at')",
    )
    before = reading.snapshot()
    with pytest.raises(DBAPIError) as refused:
        reading.run(lambda: op.create_continuous_aggregate("bad", query))
    assert refused.value.orig.pgcode == "0A000"
    assert "continuous aggregate" in str(refused.value.orig)
    assert BAD[query] in refused.value.orig.diag.message_hint
    assert reading.snapshot() == before


@community
def test_a_mistake_in_the_query_is_told_as_it_is(reading: Any) -> None:
    with pytest.raises(DBAPIError, match='column "nothing" does not exist'):
        reading.run(lambda: op.create_continuous_aggregate("bad", "SELECT nothing FROM reading"))


@community
def test_what_was_dropped_in_an_upgrade_comes_back_with_all_that_was_given_to_it(reading: Any) -> None:
    owner, reader = (f"{role}_of_{reading.database.url.database}" for role in ("owner", "reader"))
    reading.run(up)
    reading.execute(
        f'CREATE ROLE "{owner}" LOGIN',
        f'CREATE ROLE "{reader}"',
        f'ALTER TABLE reading OWNER TO "{owner}"',
        f'ALTER MATERIALIZED VIEW "Hourly %" OWNER TO "{owner}"',
        f'GRANT SELECT ON "Hourly %" TO "{reader}" WITH GRANT OPTION',
        'GRANT INSERT (hour), SELECT (noted) ON "Hourly %" TO PUBLIC',
        """COMMENT ON VIEW "Hourly %" IS 'It''s hourly'""",
        """COMMENT ON COLUMN "Hourly %"."the % mean" IS 'a mean'""",
        """CREATE INDEX "my index" ON "Hourly %" (noted DESC NULLS LAST) WHERE noted > 3""",
        """SELECT set_chunk_time_interval('"Hourly %"', interval '30 days')""",
        """ALTER MATERIALIZED VIEW "Hourly %" RENAME COLUMN noted TO "notes'" """,
        """ALTER MATERIALIZED VIEW "Hourly %" SET (timescaledb.compress,
           timescaledb.compress_segmentby = 'device, "notes''"',
           timescaledb.compress_orderby = 'hour DESC, "the % mean"')""",
        """SELECT alter_job(add_continuous_aggregate_policy('"Hourly %"', interval '1 month', interval '2 h', '1 h',
           initial_start => '2026-01-01', timezone => 'Europe/Berlin'), scheduled => false, max_retries => 7,
           timezone => 'Europe/Berlin')""",
        """SELECT add_compression_policy('"Hourly %"', interval '50 days')""",
        """SELECT alter_job(add_retention_policy('"Hourly %"', interval '2 years'), max_runtime => '7 min')""",
    )
    try:
        forget(reading)
        reading.there_and_back(down, restored)
        reading.run(down)
        reading.execute(reading.sql(restored))
        assert reading.value("SELECT to_regnamespace('tsmigrate')") is None
        assert reading.value("SELECT timezone FROM _timescaledb_catalog.bgw_job WHERE timezone IS NOT NULL") == (
            "Europe/Berlin"
        )
        refresh(reading)
        assert reading.value("""SELECT sum("notes'") FROM "Hourly %" """) == 120
    finally:
        reading.execute(f'DROP OWNED BY "{owner}", "{reader}" CASCADE', f'DROP ROLE "{owner}", "{reader}"')


@community
def test_buckets_without_rows_below_them_are_not_dropped(reading: Any) -> None:
    reading.run(up)
    refresh(reading)
    reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-04')")
    told = refusal(reading, down)
    assert '72 of the buckets of "Hourly %" have no rows below them any more (2026-03-01 00:00' in told
    assert "tsmigrate.allow_data_loss = true" in told


@community
def test_the_bucket_at_the_edge_is_compared_with_what_the_rows_give(reading: Any) -> None:
    """7 hours do not divide a day: the oldest chunk left begins in the middle of a bucket."""
    reading.run(lambda: op.create_continuous_aggregate("cut", DAYS_CUT))
    refresh(reading, "cut")
    reading.execute(
        "DELETE FROM reading WHERE at < '2026-03-02'",
        "CREATE TABLE kept AS SELECT * FROM reading WHERE at < '2026-03-03'",
        "SELECT drop_chunks('reading', timestamptz '2026-03-03')",
    )
    edge = reading.value("SELECT time_bucket('7 hours', timestamptz '2026-03-03')")
    assert edge.hour not in {0, 24}
    told = refusal(reading, lambda: op.drop_continuous_aggregate("cut"))
    assert "and 1 would come out otherwise" in told


@community
def test_an_edge_that_the_rows_still_give_is_no_loss(reading: Any) -> None:
    reading.run(lambda: op.create_continuous_aggregate("cut", DAYS_CUT))
    reading.execute("DELETE FROM reading WHERE at < '2026-03-04'")
    refresh(reading, "cut")
    before = reading.value("SELECT count(*) FROM cut")
    reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-04')")
    assert reading.value("SELECT count(*) FROM cut") == before
    reading.run(lambda: op.drop_continuous_aggregate("cut"))


@community
def test_late_rows_in_place_of_dropped_ones_do_not_hide_the_loss(reading: Any) -> None:
    reading.run(up)
    refresh(reading)
    reading.execute(
        "SELECT drop_chunks('reading', timestamptz '2026-03-04')",
        "INSERT INTO reading SELECT timestamptz '2026-03-01 00:45+00' + n * interval '1 hour', 1, 99 "
        "FROM generate_series(0, 71) n",
    )
    assert "0 of the buckets" in refusal(reading, down)
    assert "and 72 would come out otherwise" in refusal(reading, down)


@community
def test_rows_not_yet_aggregated_are_no_loss(reading: Any) -> None:
    reading.run(up)
    refresh(reading)
    reading.execute("INSERT INTO reading VALUES ('2026-03-10 23:40+00', 1, 5), ('2026-03-11 23:40+00', 1, 5)")
    reading.run(down)


@community
def test_with_the_word_for_it_the_rows_are_archived_first(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    settings["allow_data_loss"] = "true"
    for archive in ("Hourly %_1", "Hourly %_2"):
        reading.run(up)
        refresh(reading)
        buckets = reading.value('SELECT count(*) FROM "Hourly %"')
        reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-03')")
        reading.run(down)
        assert f'its rows are kept in tsmigrate_archive."{archive}"' in caplog.text
        assert reading.value(f'SELECT count(*) FROM tsmigrate_archive."{archive}"') == buckets
        assert reading.value("SELECT to_regclass('\"Hourly %\"')") is None
        reading.execute("INSERT INTO reading VALUES ('2026-03-01', 1, 1)")


@community
def test_an_archive_of_a_name_of_63_bytes_gets_one_that_fits(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    settings["allow_data_loss"] = "true"
    name = "é" * 31 + "x"
    reading.run(lambda: op.create_continuous_aggregate(name, DAYS_CUT))
    refresh(reading, name)
    reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-03')")
    reading.run(lambda: op.drop_continuous_aggregate(name))
    assert f'tsmigrate_archive."{"é" * 30}_1"' in caplog.text


@community
def test_an_aggregate_below_another_is_not_dropped(reading: Any) -> None:
    reading.run(up)
    daily = """SELECT time_bucket('1 day', hour) AS day, sum(noted) FROM "Hourly %" GROUP BY 1"""
    reading.run(lambda: op.create_continuous_aggregate("daily", daily))
    told = refusal(reading, down)
    assert '"Hourly %" cannot be dropped' in told
    assert "view daily depends on view" in told
    refresh(reading)
    refresh(reading, "daily")
    reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-05')")
    reading.run(lambda: op.drop_continuous_aggregate("daily"))  # the hourly one can give it back
    assert "96 of the buckets" in refusal(reading, down)


@community
def test_an_aggregate_below_that_is_filled_in_part_gives_buckets_from_the_table_above_that(reading: Any) -> None:
    reading.run(up)
    daily = """SELECT time_bucket('1 day', hour) AS day, sum(noted) FROM "Hourly %" GROUP BY 1"""
    reading.run(lambda: op.create_continuous_aggregate("daily", daily, materialized_only=True))
    forget(reading)
    alone(reading, """CALL refresh_continuous_aggregate('"Hourly %"', NULL, '2026-03-04 12:00+00')""")
    alone(reading, "CALL refresh_continuous_aggregate('daily', NULL, '2026-03-09 00:00+00')")
    assert reading.value("SELECT array_agg(sum ORDER BY day)::text FROM daily") == "{12,12,12,12,12,12,12,12}"

    def drop() -> None:
        op.drop_continuous_aggregate("daily")

    reading.there_and_back(drop, lambda: op.restore_continuous_aggregate("daily"))
    alone(reading, "CALL refresh_continuous_aggregate('daily', NULL, '2026-03-09 00:00+00')")
    reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-04')")
    reading.there_and_back(drop, lambda: op.restore_continuous_aggregate("daily"))
    alone(reading, "CALL refresh_continuous_aggregate('daily', NULL, '2026-03-09 00:00+00')")
    reading.execute("SELECT drop_chunks('reading', timestamptz '2026-03-06')")
    assert '1 of the buckets of "daily"' in refusal(reading, drop)
    assert "and 1 would come out otherwise" in refusal(reading, drop)
    reading.execute("""ALTER MATERIALIZED VIEW "Hourly %" SET (timescaledb.materialized_only = true)""")
    assert '4 of the buckets of "daily"' in refusal(reading, drop)


@community
def test_a_lock_that_stays_held_is_refused_with_what_to_do(reading: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reading.run(up)
    monkeypatch.setattr("tsmigrate.ops.run.LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr("tsmigrate.ops.run.LOCK_RETRIES", 1)
    with connect.connection(reading.database) as holder:
        holder.execute(raw("SELECT count(*) FROM reading"))
        with pytest.raises(DBAPIError, match=r"did not get its locks in 2 attempts of 50 ms") as refused:
            reading.run(down)
    assert "tsmigrate.lock_timeout" in str(refused.value.orig)
    reading.run(down)


@pytest.mark.edition("apache")
def test_the_apache_edition_is_refused_or_skipped(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert "needs TimescaleDB Community" in refusal(reading, up)
    assert "needs TimescaleDB Community" in refusal(reading, down)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(up, down)
    assert 'skipped: create_continuous_aggregate of "Hourly %"' in caplog.text
    reading.there_and_back(down, restored)
    assert 'skipped: drop_continuous_aggregate of "Hourly %"' in caplog.text


def test_they_can_be_written_and_reversed() -> None:
    asked = CreateContinuousAggregate("a", "s", "SELECT 1", materialized_only=True)
    assert asked.reverse() == DropContinuousAggregate("a", "s")
    assert asked.reverse().reverse() == RestoreContinuousAggregate("a", "s")
    assert asked.reverse().reverse().reverse() == asked.reverse()
    assert 'op.create_continuous_aggregate("a", "SELECT 1", materialized_only=True, schema="s")' in (
        render_python_code(UpgradeOps([asked]))
    )
    assert 'op.drop_continuous_aggregate("a", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))


def test_an_empty_query_is_refused(migration: Any) -> None:
    with pytest.raises(UsageError, match='of "a" has no query'):
        migration.run(lambda: op.create_continuous_aggregate("a", " ; "))
