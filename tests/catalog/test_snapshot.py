"""Snapshots are equal when the schemas are, whatever numbers TimescaleDB gave; a difference names its object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from tsmigrate import connect
from tsmigrate.catalog import sections
from tsmigrate.catalog.difference import difference as text_difference
from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.catalog.timescale_text import timescale_text
from tsmigrate.url import DatabaseUrl

NASTY = (Path(__file__).parent / "nasty.sql").read_text()
Run = Callable[..., None]
Take = Callable[[DatabaseUrl], Snapshot]
Script = Callable[..., None]

READINGS = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz NOT NULL, device int, v float8);
INSERT INTO readings (ts, device, v)
SELECT now() - i * interval '1 hour', i % 5, i FROM generate_series(1, 100) i;
SELECT create_hypertable('readings', by_range('ts', interval '1 day'), migrate_data => true);
"""
AGGREGATES = (
    """CREATE MATERIALIZED VIEW "Daily % agg" WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
       SELECT time_bucket('1 day', ts) AS day, device, avg(v) FROM readings GROUP BY 1, 2 WITH NO DATA""",
    """CREATE MATERIALIZED VIEW weekly WITH (timescaledb.continuous) AS
       SELECT time_bucket('7 days', day) AS week, max(avg) FROM "Daily % agg" GROUP BY 1 WITH NO DATA""",
    """CREATE VIEW over_both AS SELECT week, max, device FROM weekly JOIN "Daily % agg" ON week = day""",
    """CREATE INDEX ON "Daily % agg" (avg)""",
    """SELECT add_continuous_aggregate_policy('"Daily % agg"', interval '9 days', interval '1 day', '1 hour')""",
    "ALTER TABLE readings SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')",
    "SELECT add_compression_policy('readings', interval '20 years')",
    "SELECT add_retention_policy('readings', interval '30 years')",
    "ALTER MATERIALIZED VIEW weekly SET (timescaledb.compress)",
    """SELECT add_job('tidy', '1 day', config =>
           jsonb_build_object('a', 1, 'hypertable_id', (SELECT id FROM _timescaledb_catalog.hypertable
                                                        WHERE table_name = 'readings')))""",
)
TIDY = "CREATE PROCEDURE tidy(job_id int, config jsonb) LANGUAGE plpgsql AS 'BEGIN END'"
TAKE_BACK = (
    "SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE proc_name = 'tidy'",
    "DROP VIEW over_both",
    "DROP MATERIALIZED VIEW weekly",
    'DROP MATERIALIZED VIEW "Daily % agg"',
    "DROP TABLE readings",
)


def of(database: DatabaseUrl) -> str:
    with connect.connection(database) as connection:
        return timescale_text(connection)


def test_there_is_no_timescale_text_without_the_extension(plain_database: DatabaseUrl) -> None:
    assert of(plain_database) == ""


def test_there_is_no_timescale_text_without_hypertables(database: DatabaseUrl) -> None:
    assert of(database) == ""


def test_the_timescale_text_says_how_a_hypertable_is_cut(connection: Connection, script: Script) -> None:
    script(
        connection,
        READINGS,
        """CREATE SCHEMA "Odd"; CREATE TABLE "Odd"."Ticks" (tick int NOT NULL, who text NOT NULL);
           CREATE FUNCTION ticking() RETURNS int LANGUAGE sql STABLE AS 'SELECT 5';
           SELECT create_hypertable('"Odd"."Ticks"', by_range('tick', 1000));
           SELECT add_dimension('"Odd"."Ticks"', by_hash('who', 3));
           SELECT set_integer_now_func('"Odd"."Ticks"', 'ticking')""",
    )
    assert timescale_text(connection) == (
        'hypertable "Odd"."Ticks"\n'
        "    dimension 1: tick integer by 1000, now is ticking()\n"
        "    dimension 2: who text in 3 partitions\n"
        "\n"
        "hypertable public.readings\n"
        "    dimension 1: ts timestamp with time zone by 1 day\n"
    )


def test_the_timescale_text_says_nothing_of_chunks(connection: Connection, script: Script) -> None:
    script(connection, READINGS)
    before = timescale_text(connection)
    script(connection, "INSERT INTO readings (ts) VALUES ('2001-01-01'), ('2002-02-02')")
    assert timescale_text(connection) == before


def test_rows_do_not_change_the_schema_text(database: DatabaseUrl, run: Run, take: Take) -> None:
    run(
        database,
        NASTY,
        """CREATE TABLE alpha (x int); CREATE TABLE zulu (x int);
           CREATE TABLE cut (ts timestamptz NOT NULL PRIMARY KEY); SELECT create_hypertable('cut', 'ts')""",
    )
    before = take(database)
    run(database, "INSERT INTO cut VALUES ('2026-01-01'), ('2027-01-01')")
    assert difference(before, take(database)) == ""
    assert before == take(database)


@pytest.fixture
def tablespace(database: DatabaseUrl, run: Run) -> Iterator[str]:
    name = "tsmigrate_fast"
    run(database, "SET allow_in_place_tablespaces = on", f"CREATE TABLESPACE {name} LOCATION ''")
    yield name
    run(database, f"ALTER TABLE ALL IN TABLESPACE {name} SET TABLESPACE pg_default", f"DROP TABLESPACE {name}")


def test_a_table_in_another_tablespace_is_a_difference_of_that_table(
    database: DatabaseUrl, run: Run, take: Take, tablespace: str
) -> None:
    run(database, READINGS, "CREATE TABLE here (x int)", "CREATE TABLE last (x int)")
    before = take(database)
    run(database, f"ALTER TABLE here SET TABLESPACE {tablespace}")
    found = difference(before, take(database))
    assert found.count("@@ ") == 1
    assert "@@ TABLE public.here @@" in found
    assert f"+SET default_tablespace = {tablespace};" in found


def test_chunks_in_a_schema_of_the_user_s_are_not_schema(database: DatabaseUrl, run: Run, take: Take) -> None:
    run(
        database,
        """CREATE SCHEMA "My chunks"; CREATE TABLE "My chunks".mine (x int);
           CREATE TABLE cut (ts timestamptz NOT NULL PRIMARY KEY);
           SELECT create_hypertable('cut', 'ts', associated_schema_name => 'My chunks')""",
    )
    before = take(database)
    run(database, "INSERT INTO cut VALUES ('2026-01-01'), ('2027-01-01')")
    assert difference(before, take(database)) == ""
    assert 'CREATE TABLE "My chunks".mine' in before.schema


def test_the_timescale_text_is_the_same_under_any_settings(connection: Connection, script: Script) -> None:
    script(connection, READINGS)
    before = timescale_text(connection)
    script(connection, "SET intervalstyle = iso_8601; SET search_path = pg_catalog; SET timezone = 'Asia/Tokyo'")
    assert timescale_text(connection) == before
    assert connection.exec_driver_sql("SHOW intervalstyle").scalar_one() == "iso_8601"


def test_chunk_skipping_is_part_of_the_text(connection: Connection, script: Script) -> None:
    script(
        connection,
        READINGS,
        "SET timescaledb.enable_chunk_skipping = on; SELECT enable_chunk_skipping('readings', 'device')",
    )
    assert "    chunk skipping: device\n" in timescale_text(connection)


def test_converting_and_reverting_leaves_no_difference_at_all(database: DatabaseUrl, run: Run, take: Take) -> None:
    run(database, NASTY)
    before = take(database)
    run(database, READINGS)
    assert difference(before, take(database)) != ""
    run(database, "DROP TABLE readings")
    after = take(database)
    assert after == before
    assert difference(before, after) == ""


@pytest.mark.edition("community")
def test_dropping_a_compressed_hypertable_leaves_no_difference_at_all(
    database: DatabaseUrl, run: Run, take: Take
) -> None:
    run(database, NASTY)
    before = take(database)
    run(
        database,
        READINGS,
        "ALTER TABLE readings SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')",
        "SELECT compress_chunk(c) FROM show_chunks('readings') c",
        "DROP TABLE readings",
    )
    assert take(database) == before


@pytest.mark.edition("community")
def test_a_second_conversion_with_other_numbers_gives_the_same_text(
    database: DatabaseUrl, run: Run, take: Take
) -> None:
    run(database, TIDY)
    texts = []
    for _ in range(4):  # numbers of one digit, then of two
        run(database, READINGS, *AGGREGATES)
        texts.append(take(database))
        run(database, *TAKE_BACK)
    for text in texts[1:]:
        assert difference(texts[0], text) == ""
    assert texts[0] == texts[3]


@pytest.mark.edition("community")
def test_every_kind_of_timescaledb_object_is_in_the_text(database: DatabaseUrl, run: Run, take: Take) -> None:
    run(database, TIDY, READINGS, *AGGREGATES)
    snapshot = take(database)
    for object_ in (
        "hypertable public.readings\n",
        'continuous aggregate public."Daily % agg"\n',
        "continuous aggregate public.weekly\n",
        'job _timescaledb_functions.policy_refresh_continuous_aggregate on public."Daily % agg"\n',
        "job _timescaledb_functions.policy_compression on public.readings\n",
        "job _timescaledb_functions.policy_retention on public.readings\n",
        "job public.tidy\n",
    ):
        assert object_ in snapshot.timescale
    assert "columnstore: segment by device" in snapshot.timescale
    assert '"hypertable_id": public.readings' in snapshot.timescale
    assert "USING btree (avg)" in snapshot.timescale
    assert 'cagg_watermark(public."Daily % agg")' in snapshot.schema


@dataclass(frozen=True)
class Change:
    sql: str
    hunk: str
    line: str

    def __str__(self) -> str:
        return self.hunk


CHANGES = [
    Change("ALTER TABLE readings ALTER v TYPE real", "TABLE public.readings", "+    v real"),
    Change("CREATE INDEX extra ON readings (v)", "INDEX public.extra", "+CREATE INDEX extra"),
    Change("COMMENT ON TABLE readings IS 'x'", "COMMENT public.TABLE readings", "+COMMENT ON TABLE"),
    Change("CREATE TABLE zzz (x int)", "TABLE public.zzz", "+    x integer"),
    Change("SELECT set_chunk_time_interval('readings', interval '2 days')", "hypertable public.readings", "by 2 days"),
]
COMMUNITY_CHANGES = [
    Change(
        "ALTER MATERIALIZED VIEW weekly SET (timescaledb.materialized_only = false)",
        "continuous aggregate public.weekly",
        "+    materialized only: f",
    ),
    Change(
        "SELECT remove_retention_policy('readings')",
        "job _timescaledb_functions.policy_retention on public.readings",
        "-    config {",
    ),
    Change(
        "ALTER TABLE readings SET (timescaledb.compress_segmentby = 'v')",
        "hypertable public.readings",
        "+    columnstore: segment by v",
    ),
    Change(
        "DO $$ BEGIN EXECUTE (SELECT format('DROP INDEX %I.%I', schemaname, indexname) FROM pg_indexes"
        " WHERE tablename LIKE '_materialized%' AND indexdef LIKE '%btree (avg)'); END $$",
        'continuous aggregate public."Daily % agg"',
        "-    CREATE INDEX",
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_difference_is_one_hunk_that_names_its_object(
    database: DatabaseUrl, run: Run, take: Take, change: Change
) -> None:
    run(database, READINGS)
    before = take(database)
    run(database, change.sql)
    found = difference(before, take(database))
    assert found.count("@@ ") == 1
    assert f"@@ {change.hunk} @@" in found
    assert change.line in found


@pytest.mark.edition("community")
@pytest.mark.parametrize("change", COMMUNITY_CHANGES, ids=str)
def test_a_difference_in_what_pg_dump_does_not_show_names_its_object(
    database: DatabaseUrl, run: Run, take: Take, change: Change
) -> None:
    run(database, TIDY, READINGS, *AGGREGATES)
    before = take(database)
    run(database, change.sql)
    found = difference(before, take(database))
    assert f"@@ {change.hunk} @@" in found
    assert change.line in found


def test_the_first_table_of_a_schema_is_one_hunk_with_the_settings_before_it(
    database: DatabaseUrl, run: Run, take: Take
) -> None:
    run(database, TIDY)
    before = take(database)
    run(database, "CREATE TABLE first (x int)")
    found = difference(before, take(database))
    assert found.count("@@ ") == 1
    assert "@@ TABLE public.first @@" in found


def object_(name: str) -> str:
    return f"\n\n--\n-- Name: {name}; Type: TABLE; Schema: s; Owner: o\n--\n\nCREATE TABLE {name};\n"


def test_another_order_of_the_same_objects_is_a_difference() -> None:
    before, after = object_("a") + object_("b"), object_("b") + object_("a")
    assert "@@ the order of the objects @@" in text_difference(before, after, sections.SCHEMA)


TEXTS = st.lists(st.sampled_from(["a", "b", " é", "", "--", "job x", "SET default_x = 1;", object_("t")])).map(
    "\n".join
)


@given(TEXTS, TEXTS, st.sampled_from([sections.SCHEMA, sections.TIMESCALE]))
def test_a_difference_is_empty_exactly_when_the_texts_are_equal(
    before: str, after: str, heading: re.Pattern[str]
) -> None:
    found = text_difference(before, after, heading)
    assert (found == "") == (before == after)
    assert before == after or "@@ " in found
