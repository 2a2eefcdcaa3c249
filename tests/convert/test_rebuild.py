"""Keys, indexes and foreign keys are away while the rows move, and come back as if they had never been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import make_url

from convert_support import Session, block, plain
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.convert.request import HashDimension
from tsmigrate.plpgsql import REFUSED
from tsmigrate.sql import identifier, raw
from tsmigrate.url import DatabaseUrl

ROWS = """
INSERT INTO readings (id, ts, device, span)
SELECT n, '2026-01-01'::timestamptz + n * interval '1 hour', n % 7, int4range(n, n + 2) FROM generate_series(1, 200) n;
"""
READINGS = "CREATE TABLE readings (id int, ts timestamptz NOT NULL, device int, span int4range);" + ROWS


@pytest.fixture
def twin(session: Session, programs: Any) -> Iterator[Callable[[], Session]]:
    """A copy of the database as it is when asked for."""
    url = session.database.url
    name = f"{url.database}_twin"

    def execute(statement: str) -> None:
        maintenance = DatabaseUrl(url.set(database="postgres"), source="the test")
        with connect.connection(maintenance, isolation_level="AUTOCOMMIT") as connection:
            connection.execute(raw(statement))

    def make() -> Session:
        execute(f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(str(url.database))}")
        return Session(DatabaseUrl(make_url(url).set(database=name), source="the test"))

    yield make
    execute(f"DROP DATABASE IF EXISTS {identifier(name)}")


SHAPES = {
    "bare": "",
    "a key": "ALTER TABLE readings ADD PRIMARY KEY (id, ts)",
    "a key with everything": """
        ALTER TABLE readings ADD CONSTRAINT "the 'key'" PRIMARY KEY (ts, id) INCLUDE (device) WITH (fillfactor = 60)
            DEFERRABLE INITIALLY DEFERRED;
        COMMENT ON CONSTRAINT "the 'key'" ON readings IS 'it''s the key';
        COMMENT ON INDEX "the 'key'" IS 'its index'""",
    "no two NULLs": "ALTER TABLE readings ADD CONSTRAINT twins UNIQUE NULLS NOT DISTINCT (device, ts, id)",
    "every access method": """
        CREATE INDEX h ON readings USING hash (device);
        CREATE INDEX b ON readings USING brin (ts) WITH (pages_per_range = 4);
        CREATE INDEX g ON readings USING gist (span); CREATE INDEX s ON readings USING spgist (span);
        CREATE INDEX i ON readings USING gin ((ARRAY[device, id])) WITH (fastupdate = off)""",
    "expressions": """
        CREATE INDEX e ON readings ((device * 2), lower(id::text) text_pattern_ops DESC NULLS LAST) INCLUDE (span)
            WITH (fillfactor = 77) WHERE id > 20;
        ALTER INDEX e ALTER COLUMN 1 SET STATISTICS 321; COMMENT ON INDEX e IS 'computed'""",
    "unique and partial": "CREATE UNIQUE INDEX u ON readings (ts, device DESC) WHERE device < 5",
    "an exclusion": """CREATE EXTENSION btree_gist;
        ALTER TABLE readings ADD CONSTRAINT apart EXCLUDE USING gist (ts WITH =, span WITH &&) WHERE (id > 5)""",
    "a mark for CLUSTER": "CREATE INDEX c ON readings (device); ALTER TABLE readings CLUSTER ON c",
    "an identity for replicas": """
        CREATE UNIQUE INDEX r ON readings (id, ts); ALTER TABLE readings ALTER id SET NOT NULL;
        ALTER TABLE readings REPLICA IDENTITY USING INDEX r""",
    "an extension's index": "CREATE INDEX c ON readings (device); ALTER INDEX c DEPENDS ON EXTENSION plpgsql",
    "an index on time": "CREATE INDEX t ON readings (ts)",
    "a partial index on time by blocks": "CREATE INDEX t ON readings USING brin (ts) WHERE id > 3",
    "an index that begins with time": "CREATE INDEX t ON readings (ts, id)",
    "an index on both dimensions": "CREATE INDEX t ON readings (device, ts)",
    "an index with the default's name": "CREATE INDEX readings_ts_idx ON readings (device)",
    "an invalid index": """CREATE INDEX d ON readings (id);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'd'::regclass""",
    "foreign keys": """
        CREATE TABLE site (id int PRIMARY KEY); INSERT INTO site SELECT generate_series(0, 6);
        ALTER TABLE readings ADD CONSTRAINT at_site FOREIGN KEY (device) REFERENCES site ON DELETE CASCADE DEFERRABLE;
        COMMENT ON CONSTRAINT at_site ON readings IS 'where'""",
}


SPREAD = [
    "bare",
    "no two NULLs",
    "every access method",
    "an index on time",
    "an index on both dimensions",
    "foreign keys",
]
CHUNKS = """
SELECT c.oid::regclass::text, c.relreplident, array_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname) FROM pg_class c
LEFT JOIN pg_constraint k ON k.conrelid = c.oid
WHERE c.relname ~ '^_hyper' AND c.relkind = 'r' GROUP BY 1, 2 ORDER BY 1"""
INDEXES = """
-- A mark for CLUSTER reaches chunks only where it is set on the hypertable, as by us.
SELECT i.oid::regclass::text, x.indisvalid, x.indisclustered AND i.relname !~ '^_hyper', x.indisreplident,
       pg_get_indexdef(i.oid), i.reltablespace, i.reloptions,
       obj_description(i.oid, 'pg_class'), ARRAY(SELECT to_jsonb(a) -> 'attstattarget' FROM pg_attribute a
                                                 WHERE a.attrelid = i.oid ORDER BY attnum)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid::regclass::text ~ '_hyper|readings' ORDER BY 1"""


@pytest.mark.parametrize(
    ("shape", "spread"),
    [(shape, None) for shape in SHAPES] + [(shape, HashDimension("device", 2)) for shape in SPREAD],
)
def test_the_hypertable_is_the_one_that_timescaledb_itself_makes(
    session: Session, twin: Callable[[], Session], pg_dump: str, shape: str, spread: HashDimension | None
) -> None:
    session.run(READINGS, SHAPES[shape] or "SELECT")
    theirs = twin()
    more = ", 'device', 2" if spread else ""
    options = "chunk_time_interval => interval '1 day', migrate_data => true"
    theirs.run(f"SELECT create_hypertable('readings', 'ts'{more}, {options})")
    session.run(block(hash_dimension=spread))
    session.run("DROP SCHEMA IF EXISTS tsmigrate CASCADE")
    assert difference(Snapshot.take(theirs.database, pg_dump), Snapshot.take(session.database, pg_dump)) == ""
    for query in (CHUNKS, INDEXES):
        assert session.rows(query) == theirs.rows(query)


def test_a_key_that_a_view_groups_by_stays_where_it_is(session: Session) -> None:
    session.run(
        READINGS,
        "ALTER TABLE readings ADD PRIMARY KEY (id, ts); CREATE INDEX d ON readings (device)",
        "CREATE VIEW grouped AS SELECT id, ts, device FROM readings GROUP BY id, ts",
    )
    key, index = (session.value(f"SELECT '{name}'::regclass::oid") for name in ("readings_pkey", "d"))
    session.run(block())
    assert session.value("SELECT count(*) FROM grouped") == 200
    assert session.value("SELECT 'readings_pkey'::regclass::oid") == key
    assert session.value("SELECT 'd'::regclass::oid") != index
    session.run(plain())
    assert session.value("SELECT count(*) FROM grouped") == 200


POINTED_AT = f"""
{READINGS}
ALTER TABLE readings ADD PRIMARY KEY (id, ts);
CREATE TABLE child (id int, ts timestamptz,
    CONSTRAINT far FOREIGN KEY (id, ts) REFERENCES readings ON DELETE CASCADE DEFERRABLE,
    CONSTRAINT loose FOREIGN KEY (id, ts) REFERENCES readings MATCH FULL NOT VALID);
COMMENT ON CONSTRAINT far ON child IS 'from afar';
INSERT INTO child SELECT id, ts FROM readings;
"""
FOREIGN_KEYS = """
SELECT conname, convalidated, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND conrelid::regclass::text IN ('child', 'readings') ORDER BY 1"""


@pytest.mark.edition(Edition.COMMUNITY)
def test_foreign_keys_of_others_hold_as_before(edition: Edition, session: Session, owner: Session) -> None:
    session.run(POINTED_AT, f"ALTER TABLE readings OWNER TO {owner.role}; ALTER TABLE child OWNER TO {owner.role}")
    before = session.rows(FOREIGN_KEYS)
    notices = owner.run(block()).notices
    assert any("while the foreign key far of public.child points at it, none" in notice for notice in notices), notices
    assert session.rows(FOREIGN_KEYS) == before
    assert session.attempt("INSERT INTO child VALUES (1, '2030-01-01')").code == "23503"
    session.run("DELETE FROM child WHERE id = 1; DELETE FROM readings WHERE id = 1")
    owner.run(plain())
    assert session.rows(FOREIGN_KEYS) == before


@pytest.mark.edition(Edition.APACHE)
def test_foreign_keys_of_others_are_refused_where_they_would_refuse_good_rows(
    edition: Edition, session: Session
) -> None:
    session.run(POINTED_AT)
    outcome = session.attempt(block())
    assert outcome.code == REFUSED
    assert "far of child points at it, and TimescaleDB before 2.21.1 would refuse good rows" in outcome.message


def test_foreign_keys_of_a_stranger_are_refused(session: Session, owner: Session) -> None:
    session.run(POINTED_AT, f"ALTER TABLE readings OWNER TO {owner.role}")
    outcome = owner.attempt(block())
    assert (outcome.code, "the foreign key far of child points at it" in outcome.message) == (REFUSED, True), outcome


def test_a_foreign_key_that_is_not_valid_stays_so_with_the_rows_that_break_it(session: Session) -> None:
    session.run(
        READINGS,
        "CREATE TABLE site (id int PRIMARY KEY)",
        "ALTER TABLE readings ADD CONSTRAINT at_site FOREIGN KEY (device) REFERENCES site NOT VALID",
    )
    before = session.rows(FOREIGN_KEYS)
    session.run(block())
    assert session.rows(FOREIGN_KEYS) == before
    assert session.value("SELECT count(*) FROM readings") == 200
    assert session.attempt("INSERT INTO readings (ts, device) VALUES ('2026-01-02', 99)").code == "23503"
    assert session.attempt("INSERT INTO readings (ts, device) VALUES ('2030-01-02', 99)").code == "23503"
    session.run(plain())
    assert session.rows(FOREIGN_KEYS) == before


def test_a_foreign_key_that_its_owner_could_not_make_again_stays(session: Session, owner: Session) -> None:
    session.run(
        READINGS,
        "CREATE TABLE site (id int PRIMARY KEY); INSERT INTO site SELECT generate_series(0, 6)",
        "ALTER TABLE readings ADD CONSTRAINT at_site FOREIGN KEY (device) REFERENCES site",
        f"ALTER TABLE readings OWNER TO {owner.role}; CREATE INDEX d ON readings (device)",
    )
    before = session.rows(FOREIGN_KEYS)
    owner.run(block())
    assert session.rows(FOREIGN_KEYS) == before


def test_an_index_is_built_where_its_functions_find_what_they_call(session: Session) -> None:
    """Up to PostgreSQL 16 a function in an index looks for others in the search_path of whoever builds it."""
    session.run(
        READINGS,
        "CREATE FUNCTION inner_one(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2'",
        "CREATE FUNCTION outer_one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_one($1); END'",
    )
    if int(session.value("SHOW server_version_num")) < 170000:
        session.run("CREATE INDEX o ON readings (outer_one(id))")
    else:
        session.run("CREATE FUNCTION full_one(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.inner_one($1)'")
        session.run("CREATE INDEX o ON readings (full_one(id))")
    session.run(block(), plain())


def test_rows_in_no_order_of_time_do_not_open_their_chunk_anew_each(session: Session) -> None:
    """With its 1024 open chunks TimescaleDB takes minutes for these; the limit here is the statement's."""
    session.run(
        "CREATE TABLE readings AS SELECT '2026-01-01'::timestamptz + (n * 7919 % 1300) * interval '1 hour' AS ts "
        "FROM generate_series(1, 130000) n",
        "ALTER TABLE readings ALTER ts SET NOT NULL",
    )
    session.run(f"SET statement_timeout = '30s'; {block(interval='1 hour', default_indexes=False)}")
    assert session.value("SELECT count(*) FROM readings") == 130_000
    assert session.value("SHOW timescaledb.max_open_chunks_per_insert") == "1024"
