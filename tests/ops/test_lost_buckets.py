"""Which buckets the rows below can no longer give is told alike for every kind of time, and for whole numbers."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op

from ops_support import forget, refresh, refusal

revision, down_revision = "buckets", None

community = pytest.mark.edition("community")


def create(query: str) -> None:
    op.create_continuous_aggregate("Hourly %", query)


def down() -> None:
    op.drop_continuous_aggregate("Hourly %")


def restored() -> None:
    op.restore_continuous_aggregate("Hourly %")


@community
def test_an_aggregate_of_whole_numbers_is_judged_alike(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at int NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', 100))",
        "CREATE FUNCTION present() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1000'",
        "SELECT set_integer_now_func('reading', 'present')",
        "INSERT INTO reading SELECT n FROM generate_series(0, 499) n",
    )
    query = "SELECT time_bucket(30, at) AS bucket, count(*) FROM reading GROUP BY 1"
    migration.there_and_back(lambda: create(query), down, meanwhile=lambda: refresh(migration))
    migration.run(lambda: create(query))
    forget(migration)
    migration.execute(
        """ALTER MATERIALIZED VIEW "Hourly %" SET (timescaledb.compress)""",
        """SELECT add_continuous_aggregate_policy('"Hourly %"', 300, 30, '1 h')""",
        """SELECT add_compression_policy('"Hourly %"', 500)""",
        """SELECT add_retention_policy('"Hourly %"', 900)""",
    )
    migration.there_and_back(down, restored)
    refresh(migration)
    migration.execute("SELECT drop_chunks('reading', 200)")
    assert '6 of the buckets of "Hourly %" have no rows below them any more (0 to 150), and 1 would' in (
        refusal(migration, down)
    )


KINDS = {
    "date": "time_bucket('1 day', at)",
    "timestamp": "time_bucket('36 hours', at)",
    "timestamptz": "time_bucket('1 day', at, 'Europe/Berlin')",
}


@community
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_time_is_judged_alike(migration: Any, kind: str) -> None:
    """Over the change to summer time too, and with chunks that do not begin where a bucket does."""
    migration.execute(
        f"CREATE TABLE reading (at {kind} NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', interval '5 days'))",
        f"INSERT INTO reading SELECT (timestamp '2026-03-01' + n * interval '30 minutes')::{kind} "
        "FROM generate_series(0, 2399) n",
    )
    query = f"SELECT {KINDS[kind]} AS bucket, count(*) FROM reading GROUP BY 1"
    migration.there_and_back(lambda: create(query), down, meanwhile=lambda: refresh(migration))
    migration.run(lambda: create(query))
    forget(migration)
    migration.there_and_back(down, restored)
    refresh(migration)
    since = migration.value(
        "SELECT min(range_end) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading'"
    )
    whole = migration.value(
        f'SELECT count(*) FROM "Hourly %" h WHERE NOT EXISTS '
        f"(SELECT FROM reading r WHERE at >= '{since}' AND h.bucket = {KINDS[kind]})"
    )
    cut = migration.value(
        f'SELECT count(*) FROM "Hourly %" h WHERE count > (SELECT count(*) FROM reading r '
        f"WHERE at >= '{since}' AND h.bucket = {KINDS[kind]}) AND EXISTS "
        f"(SELECT FROM reading r WHERE at >= '{since}' AND h.bucket = {KINDS[kind]})"
    )
    migration.execute(f"SELECT drop_chunks('reading', '{since}'::{kind})")
    assert whole > 0
    assert (cut > 0) == (kind != "date")
    told = refusal(migration, down)
    assert f"{whole} of the buckets" in told, told
    assert f"and {cut} would come out otherwise" in told, told
