"""The user's tables and sequences: all of them, each once, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import Position, of_sequences
from tsmigrate.catalog.tables import user_tables
from tsmigrate.url import DatabaseUrl

Script = Callable[..., None]

TABLES = """
CREATE SCHEMA "Odd s";
CREATE TABLE "Odd s"."a.b%" (x int);
CREATE TABLE plain (x int);
CREATE TABLE heir () INHERITS (plain);
CREATE UNLOGGED TABLE fleeting (x int);
CREATE TEMP TABLE passing (x int);
CREATE TABLE root (ts date) PARTITION BY RANGE (ts);
CREATE TABLE leaf PARTITION OF root DEFAULT;
CREATE VIEW seen AS SELECT * FROM plain;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM plain;
"""
FOUND = [
    Relation("Odd s", "a.b%"),
    *(Relation("public", name) for name in ("fleeting", "heir", "plain", "root")),
]
HYPERTABLE = """
CREATE SCHEMA chunks;
CREATE TABLE hyper (ts timestamptz NOT NULL, v int);
SELECT create_hypertable('hyper', 'ts', associated_schema_name => 'chunks');
INSERT INTO hyper SELECT '2026-01-01'::timestamptz + i * interval '9 days', i FROM generate_series(1, 9) i;
"""


def test_tables_are_found_without_the_extension(plain_database: DatabaseUrl, script: Script) -> None:
    with connect.connection(plain_database) as connection:
        script(connection, TABLES)
        assert user_tables(connection) == FOUND


def test_a_hypertable_is_one_table_and_its_chunks_are_none(connection: Connection, script: Script) -> None:
    script(connection, TABLES, HYPERTABLE)
    assert user_tables(connection) == sorted([*FOUND, Relation("public", "hyper")])


@pytest.mark.edition("community")
def test_compressed_chunks_and_aggregates_are_no_tables_of_the_user(connection: Connection, script: Script) -> None:
    script(
        connection,
        HYPERTABLE,
        """ALTER TABLE hyper SET (timescaledb.compress); SELECT compress_chunk(c) FROM show_chunks('hyper') c""",
        """CREATE MATERIALIZED VIEW agg WITH (timescaledb.continuous) AS
           SELECT time_bucket('1 day', ts), max(v) FROM hyper GROUP BY 1 WITH NO DATA""",
    )
    assert user_tables(connection) == [Relation("public", "hyper")]


def test_sequences_stand_where_the_next_value_comes_from(connection: Connection, script: Script) -> None:
    script(
        connection,
        """CREATE SCHEMA "Odd s"; CREATE SEQUENCE "Odd s"."q""%s" START 5;
           CREATE TABLE t (a serial, b bigint GENERATED ALWAYS AS IDENTITY); INSERT INTO t DEFAULT VALUES;
           SELECT setval('t_b_seq', 40, false)""",
    )
    public = {Relation("public", "t_a_seq"): Position(1, True), Relation("public", "t_b_seq"): Position(40, False)}
    odd = {Relation("Odd s", 'q"%s'): Position(5, False)}
    assert of_sequences(connection) == odd | public
    assert of_sequences(connection, ["public"]) == public
    assert of_sequences(connection, []) == {}


def test_a_relation_is_written_as_sql_names_it() -> None:
    assert str(Relation("Odd s", 'q"')) == '"Odd s"."q"""'
