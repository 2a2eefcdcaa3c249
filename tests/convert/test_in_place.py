"""A plain table becomes a hypertable without losing a row, or nothing changes and every reason is said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from convert_support import Session, block, plain
from in_place_support import READINGS, Take, rows_of
from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.blocks import MISMATCH
from tsmigrate.convert.request import HashDimension
from tsmigrate.errors import UsageError
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import raw

IS_HYPERTABLE = "SELECT count(*) FROM timescaledb_information.hypertables"


@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_every_row_is_in_a_chunk_afterwards(session: Session, count: int) -> None:
    session.run(
        "CREATE TABLE readings (ts timestamp, value float8, spot point)",
        f"INSERT INTO readings SELECT '2026-01-01'::timestamp + n * interval '1 minute', n, point(n, n) "
        f"FROM generate_series(1, {count}) n",
    )
    before = rows_of(session)
    session.run(block())
    assert rows_of(session) == before
    assert session.value("SELECT count(*) FROM ONLY readings") == 0
    assert session.value(IS_HYPERTABLE) == 1


@pytest.mark.parametrize(
    ("type_", "rows", "interval"),
    [
        ("date", "date '2026-01-01' + n", "7 days"),
        ("timestamp", "timestamp '2026-01-01' + n * interval '1 hour'", "1 day 12:00"),
        ("smallint", "n", 10),
        ("integer", "n", 10),
        ("bigint", "n", 10),
    ],
)
def test_every_kind_of_time_is_taken(session: Session, type_: str, rows: str, interval: str | int) -> None:
    session.run(f"CREATE TABLE readings AS SELECT ({rows})::{type_} AS ts FROM generate_series(1, 50) n")
    session.run(block(interval=interval))
    assert session.value("SELECT count(*) FROM readings") == 50


def test_names_may_be_odd_and_of_any_schema(session: Session) -> None:
    table = Relation("o\"dd 'schema", "é" * 31)
    session.run(
        'CREATE SCHEMA "o""dd \'schema"',
        f'CREATE TABLE {table} ("t\'s "" :x %s" timestamptz)',
        f"INSERT INTO {table} VALUES (now())",
    )
    session.run(block(table, column="t's \" :x %s"))
    assert session.rows("SELECT hypertable_schema, hypertable_name FROM timescaledb_information.hypertables") == [
        (table.schema, table.name)
    ]


def test_a_hash_dimension_and_a_now_function_are_set(session: Session) -> None:
    session.run(
        "CREATE TABLE readings (ts bigint, device int)",
        "INSERT INTO readings SELECT n, n % 5 FROM generate_series(1, 100) n",
        "CREATE FUNCTION ticking() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT 100::bigint'",
        block(interval=50, hash_dimension=HashDimension("device", 3), integer_now=Relation("public", "ticking")),
    )
    assert session.rows(
        "SELECT column_name, integer_interval, integer_now_func, num_partitions "
        "FROM timescaledb_information.dimensions ORDER BY dimension_number"
    ) == [("ts", 50, "ticking", None), ("device", None, None, 3)]


def test_the_callers_settings_come_back(session: Session) -> None:
    session.run(READINGS)
    every = raw("SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%' ORDER BY name")
    with connect.connection(session.database) as connection:
        connection.execute(raw("SET LOCAL search_path = public; SET LOCAL lock_timeout = '7s'"))
        connection.execute(raw("SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL maintenance_work_mem = '1MB'"))
        before = connection.execute(every).all()
        for statement in (block(), plain()):
            connection.execute(raw(statement))
            assert connection.execute(every).all() == before


def test_an_owner_under_forced_row_security_keeps_hidden_rows_and_the_force(session: Session, owner: Session) -> None:
    session.run(READINGS)
    session.run(
        f"ALTER TABLE readings OWNER TO {owner.role}, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY few ON readings USING (id < 10)",
    )
    owner.run(block())
    assert session.value("SELECT count(*) FROM readings") == 745
    assert session.value("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'readings'::regclass")


def test_a_month_is_said_to_be_thirty_days(session: Session) -> None:
    session.run("CREATE TABLE readings (ts date)")
    assert any("fixed 30 days" in notice for notice in session.run(block(interval="1 month")).notices)


def test_publications_and_what_else_the_catalog_forgets_are_remembered(session: Session) -> None:
    session.run(
        "CREATE TABLE readings (ts timestamptz, id int)",
        "CREATE PUBLICATION news FOR TABLE readings (id) WHERE (id > 1)",
    )
    outcome = session.run(block())
    assert any("no longer published" in notice for notice in outcome.notices)
    assert session.value("SELECT definition FROM tsmigrate.undo") == {
        "nullable": True,
        "publications": ["ALTER PUBLICATION news ADD TABLE ONLY public.readings (id) WHERE (id > 1)"],
        "indexes": {"public.readings_ts_idx": "CREATE INDEX readings_ts_idx ON public.readings USING btree (ts DESC)"},
    }


def test_a_table_that_needs_no_memory_leaves_none(session: Session) -> None:
    session.run("CREATE TABLE readings (ts timestamptz NOT NULL)", block(default_indexes=False))
    assert session.value("SELECT to_regnamespace('tsmigrate')") is None


def test_rows_that_change_on_their_way_stop_everything(session: Session, take: Take) -> None:
    session.run(
        READINGS,
        # A check that writes: it runs for every row that moves.
        """CREATE TABLE told (id bigint);
           CREATE FUNCTION meddle(id bigint) RETURNS bool LANGUAGE plpgsql AS $$
           BEGIN
             IF id = 7 AND NOT EXISTS (SELECT FROM public.told) THEN
               INSERT INTO public.told VALUES (id);
               INSERT INTO public.readings (ts, note) VALUES ('2026-01-01', 'meddled');
             END IF;
             RETURN true;
           END $$""",
        "ALTER TABLE readings ADD CHECK (meddle(id)) NOT VALID",
    )
    rows, before = rows_of(session), take()
    outcome = session.attempt(block())
    assert outcome.code == MISMATCH, outcome
    assert "745 rows" in outcome.message
    assert (rows_of(session), take()) == (rows, before)


def test_a_connection_that_dies_on_the_way_leaves_the_table_as_it_was(session: Session, take: Take) -> None:
    session.run(
        READINGS,
        "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION forget()",
        "ALTER TABLE readings DISABLE TRIGGER t",
    )
    rows, before = rows_of(session), take()
    outcome = session.attempt(block(), "SELECT pg_terminate_backend(pg_backend_pid())")
    assert outcome.message
    assert (rows_of(session), take()) == (rows, before)


def test_a_busy_table_is_tried_again_and_then_said_to_be_busy(session: Session, connection: Connection) -> None:
    session.run(READINGS)
    connection.execute(raw("SELECT count(*) FROM readings"))
    outcome = session.attempt(block(locking=Locking(timeout_ms=50, retries=2)))
    assert outcome.code == "55P03"
    assert '"readings" could not be locked in 3 attempts of 50 ms' in outcome.message
    assert "lock_timeout" in outcome.hint
    connection.rollback()
    session.run(block())


def test_a_lock_that_is_let_go_in_time_is_no_trouble(session: Session, connection: Connection) -> None:
    session.run(READINGS)
    connection.execute(raw("SELECT count(*) FROM readings"))
    timer = threading.Timer(0.5, connection.rollback)
    timer.start()
    session.run(block(locking=Locking(timeout_ms=100, retries=8)))
    timer.join()
    assert session.value(IS_HYPERTABLE) == 1


def test_a_table_put_in_its_place_meanwhile_is_not_converted(session: Session, connection: Connection) -> None:
    session.run(READINGS)
    connection.execute(raw("ALTER TABLE readings RENAME TO former; CREATE TABLE readings (ts date)"))
    timer = threading.Timer(0.5, connection.commit)
    timer.start()
    outcome = session.attempt(block(locking=Locking(timeout_ms=5_000, retries=0)))
    timer.join()
    assert (outcome.code, "was replaced by another table" in outcome.message) == ("55P03", True), outcome
    assert session.value(IS_HYPERTABLE) == 0


def test_tables_tied_by_foreign_keys_are_locked_too_or_none(session: Session, connection: Connection) -> None:
    session.run(
        "CREATE TABLE site (id int PRIMARY KEY)",
        "CREATE TABLE readings (ts date, site int REFERENCES site)",
    )
    connection.execute(raw("INSERT INTO site VALUES (1)"))
    outcome = session.attempt(block(locking=Locking(timeout_ms=50, retries=1)))
    assert (outcome.code, "in 2 attempts" in outcome.message) == ("55P03", True), outcome
    connection.rollback()
    session.run(block())


def test_pending_deferred_checks_do_not_stand_in_the_way(session: Session) -> None:
    session.run(
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE readings (ts date, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "ALTER TABLE readings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    )
    session.run("INSERT INTO parent VALUES (1)", "INSERT INTO readings VALUES ('2026-01-01', 1)", block())


def test_psql_runs_the_same_text(session: Session, psql: Callable[[str], Any]) -> None:
    done = psql(READINGS + block())
    assert done.returncode == 0, done.stderr
    assert session.value("SELECT count(*) FROM readings") == 745


@pytest.mark.parametrize(("timeout", "retries"), [(0, 1), (-1, 1), (100, -1)])
def test_a_lock_timeout_that_waits_for_ever_is_wrong_use(timeout: int, retries: int) -> None:
    with pytest.raises(UsageError):
        Locking(timeout_ms=timeout, retries=retries)


def test_a_name_that_postgresql_would_cut_off_is_wrong_use() -> None:
    with pytest.raises(UsageError):
        block("x" * 64)
