"""What a conversion comes to is told beforehand, from the table's own pages, and asking leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from convert_support import Session, attach, block, plain
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.convert import estimate
from tsmigrate.convert.estimate import Outlook, Way
from tsmigrate.convert.words import between, duration
from tsmigrate.sql import raw
from tsmigrate.undo import Key

KEY = Key("r1", "create_hypertable", "readings")
READINGS = """
CREATE TABLE readings (id int, ts timestamptz NOT NULL, note text, PRIMARY KEY (id, ts));
CREATE INDEX by_note ON readings (lower(note));
INSERT INTO readings SELECT n, '2026-01-01'::timestamptz + n * interval '1 minute', repeat('x', 50) || n
FROM generate_series(1, 20000) n;
ANALYZE readings;
"""
Look = Callable[..., Outlook | None]


@pytest.fixture
def small_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "WORTH_A_PROBE", 0)


@contextmanager
def connected(session: Session) -> Iterator[Connection]:
    with connect.connection(session.database) as connection:
        if session.role:
            connection.exec_driver_sql(f'SET SESSION AUTHORIZATION "{session.role}"')
        yield connection


def looked(session: Session, table: str = "readings", **asked: object) -> Outlook:
    with connected(session) as connection:
        found = estimate.look(connection, table, **asked)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_disk_and_write_ahead_log_are_what_a_conversion_takes(session: Session, small_probes: None) -> None:
    session.run(READINGS)
    told = looked(session, column="ts").copying()
    lsn = session.value("SELECT pg_current_wal_lsn()")
    with connected(session) as connection:
        before = connection.execute(raw("SELECT pg_database_size(current_database())")).scalar_one()
        connection.connection.cursor().execute(block(default_indexes=False))
        grown = connection.execute(raw("SELECT pg_database_size(current_database())")).scalar_one() - before
        connection.commit()
    written = session.value(f"SELECT pg_current_wal_lsn() - '{lsn}'::pg_lsn")
    empty_files = 2_000_000  # of 14 chunks
    assert told.tried
    assert told.disk * 0.7 < grown < told.disk * 1.3 + empty_files
    assert told.log * 0.5 < written < told.log * 1.5 + empty_files
    assert 0 < told.low < told.high < 60


def test_looking_leaves_no_lock_no_setting_and_no_table(session: Session, small_probes: None) -> None:
    session.run(READINGS)
    with connected(session) as connection:
        settings = raw("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
        before = connection.execute(settings).one()
        found = estimate.look(connection, "readings")
        assert found is not None and found.probe is not None
        assert connection.execute(settings).one() == before
        held = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'readings'::regclass"
        assert connection.execute(raw(held)).scalar_one() == 0
        assert connection.execute(raw("SELECT to_regclass('pg_temp.tsmigrate_sample')")).scalar_one() is None


def test_a_partitioned_table_is_told_with_all_its_partitions(session: Session, small_probes: None) -> None:
    session.run(READINGS)
    plain = looked(session, column="ts").copying()
    parts = " ".join(
        f"CREATE TABLE part{n} PARTITION OF parted FOR VALUES FROM ({n * 5000}) TO ({n * 5000 + 5000});"
        for n in range(5)
    )
    session.run(
        "CREATE TABLE parted (LIKE readings INCLUDING INDEXES) PARTITION BY RANGE (id)",
        parts,
        "INSERT INTO parted SELECT * FROM readings; ANALYZE parted",
    )
    told = looked(session, "parted", column="ts").copying()
    assert told.tried
    assert plain.disk * 0.8 < told.disk < plain.disk * 1.2


def test_where_nothing_may_be_written_other_servers_speed_is_told(session: Session, small_probes: None) -> None:
    session.run(READINGS)
    with connected(session) as connection:
        connection.execute(raw("SET TRANSACTION READ ONLY"))
        found = estimate.look(connection, "readings")
    assert found is not None and not found.copying().tried
    assert found.copying().disk == looked(session).copying().disk


def test_a_role_without_rights_to_temporary_tables_gets_an_estimate_too(owner: Session, session: Session) -> None:
    name = session.value("SELECT current_database()")
    session.run(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
    owner.run(READINGS)
    assert not looked(owner).may_probe
    assert looked(owner).copying().high > 0


def test_a_function_of_another_role_is_not_run_with_our_rights(
    owner: Session, session: Session, small_probes: None
) -> None:
    owner.run(
        "CREATE FUNCTION mine(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
        "IF current_user = 'postgres' THEN RAISE EXCEPTION 'run as %', current_user; END IF; RETURN $1; END $$",
        READINGS,
        "CREATE INDEX ON readings (mine(id))",
    )
    assert looked(session).probe is None
    assert looked(owner).probe is not None


def test_an_index_that_cannot_be_built_costs_only_the_sample(session: Session, small_probes: None) -> None:
    session.run(
        "CREATE FUNCTION picky(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
        "IF current_setting('picky.mood', true) = 'bad' THEN RAISE EXCEPTION 'not now'; END IF; RETURN $1; END $$",
        READINGS,
        "CREATE INDEX ON readings (picky(id))",
    )
    with connected(session) as connection:
        connection.execute(raw("SET LOCAL picky.mood = 'bad'"))
        found = estimate.look(connection, "readings")
        assert found is not None and found.probe is None
        assert connection.execute(raw("SELECT 1")).scalar_one() == 1


def test_a_table_that_another_session_holds_is_not_waited_for(session: Session) -> None:
    session.run(READINGS)
    with connected(session) as holding, connected(session) as looking:
        holding.execute(raw("LOCK TABLE readings"))
        assert estimate.look(looking, "readings") is None
        assert looking.execute(raw("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("table", ["nowhere", "nowhere.readings", "empty", "a_view"])
def test_what_holds_no_rows_has_no_estimate(session: Session, table: str) -> None:
    session.run("CREATE TABLE empty (ts timestamptz)", "CREATE VIEW a_view AS SELECT 1 AS ts")
    with connected(session) as connection:
        assert estimate.look(connection, table, column="ts") is None


def test_odd_names_are_looked_at(session: Session, small_probes: None) -> None:
    table = '"o""dd %s ' + "é" * 25 + '"'
    session.run(READINGS.replace("readings", table), f'CREATE INDEX "an USING (x)" ON {table} (id) WHERE id > 1')
    found = looked(session, table, column="ts")
    assert found.table == table
    assert found.probe is not None
    assert found.index_size('"an USING') is not None


def test_the_way_back_counts_all_chunks(session: Session, small_probes: None) -> None:
    session.run(READINGS)
    there = looked(session, column="ts").copying()
    session.run(block())
    back = looked(session, key=KEY).reverting()
    assert back.way is Way.COPY
    assert back.tried
    assert 0.8 < back.disk / there.disk < 1.8  # with TimescaleDB's index


@pytest.mark.edition(Edition.COMMUNITY)
def test_attaching_takes_no_room_and_detaching_that_of_new_rows(edition: Edition, session: Session) -> None:
    session.run(READINGS, "CREATE INDEX ON readings (ts)")
    found = looked(session, column="ts")
    assert found.converting(attach=True).way is Way.ATTACH
    assert found.attaching().disk == 0
    assert found.attaching().high < found.copying().high
    session.run(attach())
    assert looked(session, key=KEY).reverting().way is Way.DETACH
    assert looked(session, key=KEY).reverting().disk == 0
    session.run("INSERT INTO readings SELECT n, '2027-01-01', 'late' FROM generate_series(1, 1000) n")
    assert 0 < looked(session, key=KEY).reverting().disk < found.whole
    session.run(plain())


@pytest.mark.edition(Edition.APACHE)
def test_the_apache_edition_is_told_of_copying_only(edition: Edition, session: Session) -> None:
    session.run(READINGS)
    assert looked(session).converting(attach=True).way is Way.COPY


def test_durations_are_said_without_false_precision() -> None:
    assert between(0.2, 0.9) == "about a second"
    assert between(4.2, 14.3) == "4 to 14 s"
    assert between(50, 170) == "50 s to 3 min"
    assert between(3.2 * 60, 3.4 * 60) == "about 3 min"
    assert duration(3 * 3600) == "3 h"
