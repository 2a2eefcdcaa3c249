"""A natively partitioned table becomes a hypertable, and comes back with its partitions, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convert_support import NO_WAIT, Outcome, Session, assert_same, attach, block, plain, request, rows_and_sequences
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.tables import user_tables
from tsmigrate.convert.attach import attached
from tsmigrate.convert.preflight import Request, examine
from tsmigrate.plpgsql import REFUSED

community = pytest.mark.edition(Edition.COMMUNITY)
NASTY = (Path(__file__).parent / "partitioned.sql").read_text()
TABLE = Relation('o"dd', "the 'readings'")
READINGS = Relation("public", "readings")
WAYS: dict[str, Callable[..., str]] = {
    "copy": block,
    "auto": lambda *table, **asked: attach(*table, or_copied=True, **asked),
}


def files_of(session: Session, table: Relation) -> Any:
    """Its partitions, as the objects and the files that they are to the server."""
    return session.rows(f"""SELECT relid::oid, relfilenode FROM pg_partition_tree($x${table}$x$)
                            JOIN pg_class ON oid = relid ORDER BY relid""")


def told(outcome: Outcome) -> str:
    return "".join(outcome.notices)


@pytest.mark.parametrize(
    ("count", "ordinary", "way"), [(1000, False, "copy"), (1000, False, "auto"), (200, True, "copy"), (0, True, "auto")]
)
def test_the_nasty_partitioned_table_comes_back_byte_for_byte(  # noqa: PLR0917 - fixtures
    session: Session,
    owner: Session,
    reader: str,
    psql: Callable[..., Any],
    take: Any,
    count: int,
    ordinary: bool,
    way: str,
) -> None:
    role = owner if ordinary else session
    done = psql(f"SET SESSION AUTHORIZATION {owner.role};\n{NASTY}" if ordinary else NASTY, count=count)
    assert done.returncode == 0, done.stderr
    before, objects_before = take(), [oid for oid, _ in files_of(session, TABLE)]
    for year in (2026, 2028):
        rows = rows_and_sequences(session, TABLE)[0]
        role.run(WAYS[way](TABLE, interval="60 days"))
        assert rows_and_sequences(session, TABLE)[0] == rows
        session.run(
            f"INSERT INTO {TABLE} (ts, amount) SELECT '{year}-01-03'::timestamptz + n * interval '9 days', n "
            "FROM generate_series(1, 20) n",
            f"UPDATE {TABLE} SET amount = 0.25 WHERE id = 3",
            f"DELETE FROM {TABLE} WHERE id = 1",
            """REFRESH MATERIALIZED VIEW "o""dd".kept""",
        )
        rows = rows_and_sequences(session, TABLE)[0]
        role.run(plain(TABLE))
        assert_same(before, take())
        assert rows_and_sequences(session, TABLE)[0] == rows
        assert [oid for oid, _ in files_of(session, TABLE)] == objects_before
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate%'") == 0


PARTED = """
CREATE TABLE place (id int PRIMARY KEY);
INSERT INTO place SELECT generate_series(0, 9);
CREATE TABLE readings (id bigint, ts timestamptz NOT NULL, place int REFERENCES place, PRIMARY KEY (id, ts))
    PARTITION BY RANGE (ts);
CREATE TABLE january PARTITION OF readings FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE february PARTITION OF readings FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00');
CREATE TABLE march PARTITION OF readings FOR VALUES FROM ('2026-03-01 00:00+00') TO ('2026-04-01 00:00+00');
INSERT INTO readings SELECT n, '2026-01-01 00:00+00'::timestamptz + n * interval '12 hours', n % 10
FROM generate_series(1, 100) n;
"""
LATER = "INSERT INTO readings VALUES (1000, '2026-03-20 00:00+00', 1)"
DEFAULT = "CREATE TABLE rest PARTITION OF readings DEFAULT"


@community
def test_partitions_become_chunks_without_a_copy(edition: Edition, session: Session, take: Any) -> None:
    session.run(PARTED, DEFAULT, "INSERT INTO readings VALUES (0, '2030-01-01', 0)")
    before, files = take(), files_of(session, READINGS)
    outcome = session.run(attached(request(migrate_data=False)))
    assert 'public.rest of "readings" is copied, not attached: it is the default partition' in told(outcome)
    assert session.rows("""SELECT chunk_name, range_end - range_start > interval '20 days'
                           FROM timescaledb_information.chunks ORDER BY range_start""") == [
        ("january", True),
        ("february", True),
        ("_hyper_1_3_chunk", False),
    ], "march holds no rows"
    kept = "SELECT oid, relfilenode FROM pg_class WHERE relname IN ('january', 'february') ORDER BY oid"
    assert set(session.rows(kept)) < set(files)
    session.run(LATER, "INSERT INTO readings VALUES (1001, '2026-01-20', 1)")
    assert session.value("SELECT count(*) FROM ONLY tsmigrate_partitioned.january WHERE id = 1001") == 1
    rows = rows_and_sequences(session, READINGS)[0]
    session.run(plain())
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert set(session.rows(kept)) < set(files)


@community
def test_a_partition_that_retention_dropped_is_told_and_the_others_come_back(
    edition: Edition, session: Session, take: Any
) -> None:
    session.run(PARTED)
    session.run(attach(or_copied=True), "SELECT drop_chunks('readings', '2026-02-01 00:00+00'::timestamptz)")
    outcome = session.run(plain())
    assert 'the partition public.january of "readings" is gone' in told(outcome)
    assert session.rows("SELECT relid::text FROM pg_partition_tree('readings') WHERE isleaf ORDER BY 1") == [
        ("february",),
        ("march",),
    ]
    assert session.value("SELECT count(*) FROM readings") == 39
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate%'") == 0


@community
def test_what_was_changed_on_a_chunk_is_taken_off_its_partition(edition: Edition, session: Session, take: Any) -> None:
    session.run(PARTED, "GRANT SELECT ON january TO PUBLIC", "COMMENT ON TABLE february IS 'cold'")
    before = take()
    session.run(
        attach(or_copied=True),
        "ALTER TABLE readings ADD CONSTRAINT small CHECK (id < 10000)",
        "CREATE INDEX by_place ON readings (place)",
        "GRANT INSERT ON readings TO PUBLIC",
        "ALTER TABLE readings DROP CONSTRAINT small",
        "DROP INDEX by_place",
        "REVOKE ALL ON readings FROM PUBLIC",
    )
    session.run(plain())
    assert_same(before, take())


@pytest.mark.edition(Edition.APACHE)
def test_the_apache_edition_copies_and_says_why(edition: Edition, session: Session) -> None:
    session.run(PARTED)
    refused = session.attempt(attach())
    assert (refused.code, "Apache-2 edition" in refused.message or "2.21" in refused.message) == (REFUSED, True)
    outcome = session.run(attach(or_copied=True))
    assert '"readings" is copied, not attached: attaching needs TimescaleDB Community 2.21' in told(outcome)
    assert session.value("SELECT count(*) FROM readings") == 100


def test_nothing_is_kept_twice_and_the_user_sees_one_table(session: Session) -> None:
    session.run(PARTED)
    with connect.connection(session.database) as connection:
        before = user_tables(connection)
    session.run(block(), "DROP SCHEMA tsmigrate CASCADE")
    assert (
        session.value("SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('tsmigrate_partitioned.readings')")
        == 0
    )
    with connect.connection(session.database) as connection:
        assert user_tables(connection) == before
    assert session.value("SELECT to_regclass('january')") is None, "who wrote to it would write past the hypertable"


def test_rows_that_no_partition_holds_are_refused_unless_a_default_takes_them(session: Session, take: Any) -> None:
    session.run(PARTED, WAYS["auto"](), "INSERT INTO readings VALUES (1, '2031-01-01', 1), (2, '2031-01-01', 1)", LATER)
    before, rows = take(), rows_and_sequences(session, READINGS)
    outcome = session.attempt(plain())
    assert outcome.code == REFUSED
    assert "2 of its rows fit none of its partitions" in outcome.message
    assert "PARTITION OF tsmigrate_partitioned.readings" in outcome.hint
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS) == rows
    session.run("CREATE TABLE rest PARTITION OF tsmigrate_partitioned.readings DEFAULT", plain())
    assert session.value("SELECT count(*) FROM rest") == 2
    assert rows_and_sequences(session, READINGS) == rows


def test_a_row_that_a_partition_forbids_is_refused_with_the_reason(session: Session, take: Any) -> None:
    session.run(PARTED, "ALTER TABLE march ADD CONSTRAINT few CHECK (id < 500)")
    outcome = session.run(block())
    assert "march has the constraint few of its own" in told(outcome)
    session.run(LATER)
    before = take()
    refused = session.attempt(plain())
    assert (refused.code, '"few"' in refused.message) == (REFUSED, True), refused
    assert_same(before, take())


def test_rows_written_to_what_waits_aside_are_not_lost(session: Session) -> None:
    session.run(PARTED, block(), "INSERT INTO tsmigrate_partitioned.readings VALUES (7, '2026-01-05', 1)")
    refused = session.attempt(plain())
    assert (refused.code, "1 rows were written to tsmigrate_partitioned.readings" in refused.message) == (REFUSED, True)
    session.run("DELETE FROM tsmigrate_partitioned.readings", plain())
    assert session.value("SELECT count(*) FROM readings") == 100


KINDS = {
    "by list": "LIST (id); CREATE TABLE a PARTITION OF readings FOR VALUES IN (1, 2); " + DEFAULT,
    "by hash": "HASH (id); CREATE TABLE a PARTITION OF readings FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    "by another range": "RANGE (id); CREATE TABLE a PARTITION OF readings FOR VALUES FROM (0) TO (50); " + DEFAULT,
    "by two columns": "RANGE (ts, id); CREATE TABLE a PARTITION OF readings FOR VALUES FROM ('2020-01-01', 0) "
    "TO ('2029-01-01', 0)",
    "by an expression": "RANGE (date_trunc('month', ts)); CREATE TABLE a PARTITION OF readings DEFAULT",
    "by whole numbers": "RANGE (id); CREATE TABLE a PARTITION OF readings FOR VALUES FROM (-5) TO (1000)",
}


@pytest.mark.parametrize("kind", KINDS)
def test_however_it_is_partitioned_it_comes_back(session: Session, take: Any, kind: str) -> None:
    session.run(f"CREATE TABLE readings (id int NOT NULL, ts timestamp, v text) PARTITION BY {KINDS[kind]}")
    session.run(
        "INSERT INTO readings SELECT n, timestamp '2026-01-01' + n * interval '1 day' FROM generate_series(1, 99) n"
    )
    before = take()
    asked: dict[str, Any] = {"column": "id", "interval": 10} if "numbers" in kind else {}
    session.run(WAYS["auto"](**asked), "INSERT INTO readings VALUES (2, '2026-04-01', 'new')")
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks") > 0
    session.run(plain())
    assert_same(before, take())
    assert session.value("SELECT count(*) FROM readings") == 100


def test_a_table_without_partitions_comes_back_as_one(session: Session, take: Any) -> None:
    session.run("CREATE TABLE readings (id int, ts timestamptz) PARTITION BY RANGE (ts)")
    before = take()
    session.run(block(), "INSERT INTO readings VALUES (1, now())")
    assert session.attempt(plain()).code == REFUSED, "no partition holds the row"
    session.run("DELETE FROM readings", plain())
    assert_same(before, take())


def test_a_foreign_key_into_it_is_kept_where_the_version_can(session: Session, take: Any, edition: Edition) -> None:
    session.run(
        PARTED,
        "CREATE TABLE note (id bigint, ts timestamptz, CONSTRAINT of_reading FOREIGN KEY (id, ts) REFERENCES readings)",
        "INSERT INTO note SELECT id, ts FROM readings",
    )
    before = take()
    outcome = session.attempt(WAYS["auto"]())
    if edition is Edition.APACHE:  # 2.19
        assert (outcome.code, "the foreign key of_reading of note points at it" in outcome.message) == (REFUSED, True)
    else:
        assert not outcome.code, outcome
        assert session.attempt("DELETE FROM readings").code == "23503"
        session.run(plain())
    assert_same(before, take())


def test_it_needs_migrate_data_where_rows_are_copied(session: Session, take: Any) -> None:
    session.run(PARTED)
    before = take()
    refused = session.attempt(block(migrate_data=False))
    assert (refused.code, "migrate_data=True" in refused.hint) == (REFUSED, True)
    assert_same(before, take())


@pytest.mark.parametrize(
    ("way", "tag"),
    [
        ("copy", "CREATE TABLE"),
        ("auto", "ALTER TABLE"),
        ("auto", "CREATE TABLE"),
        ("back", "ALTER TABLE"),
        ("back", "DROP SCHEMA"),
    ],
)
def test_a_connection_that_dies_on_the_way_has_changed_nothing(session: Session, take: Any, way: str, tag: str) -> None:
    session.run(PARTED, DEFAULT)
    if way == "back":
        session.run(WAYS["auto"](), LATER)
    session.run(
        "CREATE FUNCTION die() RETURNS event_trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END'",
        f"CREATE EVENT TRIGGER dying ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION die()",
    )
    before, rows = take(), rows_and_sequences(session, READINGS)
    step = plain() if way == "back" else WAYS[way]()
    assert "terminat" in session.attempt(step).message
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS) == rows
    session.run("DROP EVENT TRIGGER dying", step)
    assert rows_and_sequences(session, READINGS) == rows


def test_rows_that_change_on_their_way_stop_everything(session: Session, take: Any) -> None:
    session.run(
        PARTED,
        "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN UPDATE tsmigrate_partitioned.readings SET place = 1 WHERE id = 3; END $$",
        "CREATE EVENT TRIGGER meddling ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()",
    )
    before, rows = take(), rows_and_sequences(session, READINGS)
    outcome = session.attempt(block())
    assert (outcome.code, "checksum" in outcome.message) == ("TSM02", True), outcome
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS) == rows


def test_a_busy_partition_is_said_to_be_busy(session: Session) -> None:
    session.run(PARTED)
    with connect.connection(session.database) as other:
        other.exec_driver_sql("SELECT count(*) FROM january")
        assert session.attempt(block(locking=NO_WAIT)).code == "55P03"


def test_psql_runs_the_same_text(session: Session, psql: Callable[..., Any], take: Any) -> None:
    session.run(PARTED, DEFAULT)
    before = take()
    for text in (WAYS["auto"](), plain()):
        done = psql(text)
        assert done.returncode == 0, done.stderr
    assert_same(before, take())


def test_the_preflight_counts_the_rows_of_the_partitions(session: Session) -> None:
    session.run(PARTED, "ANALYZE readings")
    for fast in (False, True):
        with connect.connection(session.database) as connection:
            report = examine(connection, Request(table="readings", column="ts", interval="1 day", fast=fast))
        assert report.rows.counted == 100
        assert report.rows.chunks == 51
        assert report.sizes.table > 0
        assert report.sizes.indexes > 0
        seen = [finding.seen for finding in report.findings]
        assert "it is partitioned by RANGE (ts) into 3 tables" in seen
        assert not any(finding.severity == "blocker" for finding in report.findings), report.findings


def test_a_strange_owner_of_a_partition_is_refused(session: Session, owner: Session) -> None:
    session.run(
        f"SET ROLE {owner.role}",
        PARTED,
        "RESET ROLE",
        "ALTER TABLE january OWNER TO CURRENT_USER",
    )
    refused = owner.attempt(block())
    assert (refused.code, "may not change its partition january" in refused.message) == (REFUSED, True), refused
