"""What the text says of continuous aggregates, columnstores and jobs: the settings, not what they have done so far."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support import Take
from tsmigrate import connect
from tsmigrate.catalog.aggregates import stored
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.snapshot import difference
from tsmigrate.catalog.timescale_text import timescale_text
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

pytestmark = pytest.mark.edition("community")
Run = Callable[..., None]

LONG = "a column whose name with the time's is longer than fits"
READINGS = f"""
CREATE TABLE readings (ts timestamptz NOT NULL, "{LONG}" int, "Odd ""col" text, v float8);
SELECT create_hypertable('readings', by_range('ts', interval '1 day'));
INSERT INTO readings SELECT '2025-01-06'::timestamptz + i * interval '1 hour', i % 5, 'x' || i % 3, i
FROM generate_series(1, 300) i
"""
AGGREGATES = (
    f"""CREATE MATERIALIZED VIEW "Daily ""agg" WITH (timescaledb.continuous, timescaledb.materialized_only) AS
        SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS "The day", "{LONG}", "Odd ""col", avg(v) AS "Mean % v"
        FROM readings GROUP BY 1, 2, 3 WITH NO DATA""",
    """CREATE MATERIALIZED VIEW weekly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
       SELECT time_bucket('7 days', "The day", 'Europe/Berlin') AS week, max("Mean % v")
       FROM "Daily ""agg" GROUP BY 1 WITH NO DATA""",
    """CREATE INDEX "Odd idx" ON "Daily ""agg" ("Mean % v")""",
    """COMMENT ON INDEX _timescaledb_internal."Odd idx" IS 'of the mean'""",
    """COMMENT ON COLUMN "Daily ""agg"."Mean % v" IS 'in watts'""",
    """GRANT SELECT ("Mean % v") ON "Daily ""agg" TO PUBLIC""",
)
POLICIES = (
    "ALTER TABLE readings SET (timescaledb.enable_columnstore)",
    "CALL add_columnstore_policy('readings', after => interval '7 days')",
    """ALTER MATERIALIZED VIEW "Daily ""agg" SET (timescaledb.enable_columnstore)""",
    """CALL add_columnstore_policy('"Daily ""agg"', after => interval '17 days')""",
    "SELECT add_retention_policy('readings', interval '30 years')",
    "SELECT add_reorder_policy('readings', 'readings_ts_idx')",
    """SELECT add_continuous_aggregate_policy('"Daily ""agg"', interval '9 days', interval '1 day', '1 hour',
                                              initial_start => '2025-01-01', timezone => 'Europe/Berlin')""",
    "CREATE PROCEDURE tidy(job_id int, config jsonb) LANGUAGE plpgsql AS 'BEGIN END'",
    """SELECT add_job('tidy', '1 day', config => '{"x": 1}', job_name => 'My "tidy"')""",
    "SELECT add_job('tidy', '2 days', fixed_schedule => false, scheduled => false)",
)
TAKE_BACK = (
    "SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE proc_name = 'tidy'",
    "DROP PROCEDURE tidy",
    "DROP MATERIALIZED VIEW weekly",
    'DROP MATERIALIZED VIEW "Daily ""agg"',
    "DROP TABLE readings",
)


def of(database: DatabaseUrl) -> str:
    with connect.connection(database) as connection:
        return timescale_text(connection)


def test_a_second_time_gives_the_same_whatever_the_names(database: DatabaseUrl, run: Run, take: Take) -> None:
    """Through numbers of one digit and of two, by which PostgreSQL cuts a long index name in another place."""
    snapshots = []
    for _ in range(3):
        run(database, READINGS, *AGGREGATES, *POLICIES)
        snapshots.append(take(database))
        run(database, *TAKE_BACK)
    assert [difference(snapshots[0], each) for each in snapshots] == ["", "", ""]


def test_refreshing_compressing_and_dropping_chunks_change_nothing(database: DatabaseUrl, run: Run, take: Take) -> None:
    run(database, READINGS, *AGGREGATES, *POLICIES)
    before = take(database)
    for step in (
        """CALL refresh_continuous_aggregate('"Daily ""agg"', NULL, NULL)""",
        "CALL refresh_continuous_aggregate('weekly', NULL, NULL)",
        """SELECT compress_chunk(c) FROM show_chunks('readings') c""",
        """SELECT compress_chunk(c) FROM show_chunks('"Daily ""agg"') c""",
        "SELECT drop_chunks('readings', '2025-01-10'::timestamptz)",
        "DO $$ DECLARE id int := max(job_id) FROM timescaledb_information.jobs; BEGIN CALL run_job(id); END $$",
    ):
        run(database, step)
        assert difference(before, take(database)) == "", step


def test_a_columnstore_that_is_off_again_is_not_in_the_text(database: DatabaseUrl, run: Run) -> None:
    run(database, READINGS)
    before = of(database)
    run(database, "ALTER TABLE readings SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'v')")
    assert "columnstore: segment by v" in of(database)
    run(database, "ALTER TABLE readings SET (timescaledb.enable_columnstore = false)")
    assert of(database) == before


def test_comments_grants_and_time_zones_are_in_the_text(database: DatabaseUrl, run: Run, take: Take) -> None:
    run(database, READINGS, *AGGREGATES, *POLICIES)
    snapshot = take(database)
    assert "comment: of the mean" in snapshot.timescale
    assert 'INDEX "Odd idx" ON ' in snapshot.timescale
    assert "every 01:00:00, on a fixed schedule of Europe/Berlin, as " in snapshot.timescale
    assert "every 2 days, paused, as " in snapshot.timescale
    assert """IS 'in watts';""" in snapshot.schema
    assert 'GRANT SELECT("Mean % v") ON TABLE public."Daily ""agg" TO PUBLIC;' in snapshot.schema


def test_an_aggregate_s_rows_are_found_under_its_name(database: DatabaseUrl, run: Run) -> None:
    run(database, READINGS, *AGGREGATES, """CALL refresh_continuous_aggregate('"Daily ""agg"', NULL, NULL)""")
    with connect.connection(database) as connection:
        found = stored(connection)
        assert list(found) == [Relation("public", 'Daily "agg'), Relation("public", "weekly")]
        count = raw(f"SELECT count(*) FROM {next(iter(found.values()))}")
        assert connection.execute(count).scalar_one() > 0
