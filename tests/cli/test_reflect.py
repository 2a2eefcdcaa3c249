"""`tsmigrate reflect` prints what a model would declare, and with that in the models nothing differs."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import tsmigrate.autogenerate  # noqa: F401 - what is compared with
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

MADE = """
CREATE TABLE reading (device int, at timestamptz NOT NULL, value float, "Odd ""name"", too" text);
SELECT create_hypertable('reading', by_range('at', interval '90 minutes'));
CREATE SCHEMA "Other";
CREATE TABLE "Other"."Über größe" (device text NOT NULL, n bigint NOT NULL);
SELECT create_hypertable('"Other"."Über größe"', by_range('n', 1000));
SELECT add_dimension('"Other"."Über größe"', by_hash('device', 3));
CREATE FUNCTION "Other"."now is"() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 5::bigint';
SELECT set_integer_now_func('"Other"."Über größe"', '"Other"."now is"');
CREATE TABLE "a-b" (at timestamptz NOT NULL);
SELECT create_hypertable('"a-b"', by_range('at', interval '1 day'));
CREATE TABLE "a b" (at timestamptz NOT NULL);
SELECT create_hypertable('"a b"', by_range('at', interval '2 days'));
"""
MADE_BY_COMMUNITY = """
ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = '"Odd ""name"", too", device',
                         timescaledb.compress_orderby = 'at DESC NULLS LAST, value');
CALL add_columnstore_policy('reading', after => interval '1 month', schedule_interval => interval '90 minutes');
SELECT add_retention_policy('reading', interval '1 year 2 days');
SELECT add_retention_policy('"Other"."Über größe"', 5000, schedule_interval => interval '1 hour');
CREATE MATERIALIZED VIEW "by Day" WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 day', at) AS day, device, max("Odd ""name"", too") AS "it's", count(*) FILTER (WHERE value > 1)
  FROM reading GROUP BY 1, 2 WITH NO DATA;
SELECT add_continuous_aggregate_policy('"by Day"', '3 months', NULL, '30 minutes');
CREATE MATERIALIZED VIEW "Other".monthly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT time_bucket('30 days', day) AS month, sum(count) FROM "by Day" GROUP BY 1 WITH NO DATA;
SELECT add_retention_policy('"Other".monthly', interval '5 years');
ALTER MATERIALIZED VIEW "by Day" SET (timescaledb.enable_columnstore, timescaledb.segmentby = '"it''s"');
CALL add_columnstore_policy('"by Day"', after => interval '1 year', schedule_interval => interval '90 minutes');
ALTER MATERIALIZED VIEW "Other".monthly SET (timescaledb.enable_columnstore);
SELECT add_reorder_policy('reading', 'reading_at_idx');
SELECT alter_job(add_reorder_policy('"Other"."Über größe"', 'Über größe_n_idx'), schedule_interval => '90 minutes');
"""


@pytest.fixture
def made(database: DatabaseUrl, edition: Edition) -> DatabaseUrl:
    script = MADE + (MADE_BY_COMMUNITY if edition is Edition.COMMUNITY else "")
    with connect.connection(database) as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(raw(statement))
        connection.commit()
    return database


def test_what_it_prints_declares_what_is_there(made: DatabaseUrl, tsmigrate: Any, edition: Edition) -> None:
    printed = tsmigrate("reflect", "--url", made.full).stdout
    names: dict[str, Any] = {"metadata": sa.MetaData()}
    exec(printed, names)
    with connect.connection(made) as connection:
        for table, info in re.findall(r"^# Table\((.+), …, info=(\w+)\)$", printed, re.MULTILINE):
            schema = "Other" if info.startswith("OTHER") else None
            sa.Table(
                ast.literal_eval(table), names["metadata"], schema=schema, autoload_with=connection, info=names[info]
            )
        options = {"include_schemas": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), names["metadata"]) == []
    assert printed.count("timescale(") == 4
    assert {"A_B = ", "A_B_2 = "} == set(re.findall(r"^A_B\w* = ", printed, re.MULTILINE))
    assert printed.count("ContinuousAggregate(") == (2 if edition is Edition.COMMUNITY else 0)


def test_it_prints_the_tables_that_are_asked_for(made: DatabaseUrl, tsmigrate: Any) -> None:
    assert "ÜBER" not in tsmigrate("reflect", "--url", made.full, "reading").stdout
    assert "READING" not in tsmigrate("reflect", "--url", made.full, "--schema", "Other").stdout
    refused = tsmigrate("reflect", "--url", made.full, "nothing")
    assert refused.returncode == 2
    assert "no hypertable is called 'nothing'" in refused.stderr


def test_a_database_without_the_extension_has_none(plain_database: DatabaseUrl, tsmigrate: Any) -> None:
    done = tsmigrate("reflect", "--url", plain_database.full)
    assert (done.returncode, done.stdout) == (0, "# There is no hypertable here.\n")
