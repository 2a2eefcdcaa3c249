"""Whatever cuts a conversion or the way back off, at whichever phase: nothing has changed, and a rerun finishes.

The table's own functions stop the block where a test wants it: in its check constraint or generated column (the rows
move), in an index's expression, in a cast that the checksum uses. Each waits for an advisory lock that the test holds.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from convert_support import CLIENTS, PATIENT, Session, block, held, plain, until, waiting
from in_place_support import rows_of
from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.convert.blocks import MISMATCH

READINGS = """
CREATE FUNCTION wait_at(place int, id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    'BEGIN IF id = 100 THEN PERFORM pg_advisory_xact_lock(place); END IF; RETURN id; END';
CREATE TYPE kind AS ENUM ('some', 'other');
-- 5 is the plain table's checksum, 6 the hypertable's.
CREATE FUNCTION told(kind) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM public.wait_at(5 + (SELECT relhassubclass::int FROM pg_class WHERE oid = 'public.readings'::regclass), 100)
    WHERE $1 = 'other';
    RETURN enum_out($1);
END $$;
CREATE CAST (kind AS text) WITH FUNCTION told;
CREATE TABLE readings (id int, ts timestamptz, kind kind DEFAULT 'some', note text,
                       waited int GENERATED ALWAYS AS (public.wait_at(2, id)) STORED,
                       PRIMARY KEY (id, ts), CHECK (public.wait_at(1, id) > 0));
INSERT INTO readings (id, ts, note) SELECT n, '2026-01-01'::timestamptz + n * interval '1 hour', 'note ' || n
FROM generate_series(1, 300) n;
UPDATE readings SET kind = 'other' WHERE id = 100;
CREATE INDEX waiting ON readings (public.wait_at(3, id));
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER off BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION swallow();
ALTER TABLE readings DISABLE TRIGGER off;
"""
CONVERSION = {"the rows move": 1, "the indexes are built": 3, "the checksum is made": 6}
REVERT = {"the rows move": 2, "the indexes are built": 3, "the checksum is made": 5}
Statement = Callable[..., str]
Take = Callable[[], Snapshot]
WAYS: dict[str, tuple[Statement, int]] = {
    f"{name}, {phase}": (way, place)
    for name, way, phases in (("conversion", block, CONVERSION), ("revert", plain, REVERT))
    for phase, place in phases.items()
}


def everything(session: Session, take: Take) -> Any:
    with connect.connection(session.database) as connection:
        return checksum.of_table(connection, "readings"), take()


def prepare(session: Session, way: Statement) -> None:
    session.run(READINGS)
    if way is plain:
        session.run(block())
        session.run("INSERT INTO readings (id, ts) VALUES (1000, '2030-01-01')")


@pytest.mark.parametrize("how", ["pg_terminate_backend", "kill -9 of the client", "statement_timeout"])
@pytest.mark.parametrize("where", WAYS)
def test_what_is_cut_off_has_changed_nothing_and_a_rerun_finishes(  # noqa: PLR0917 - fixtures
    session: Session, connection: Connection, client: Any, take: Take, where: str, how: str
) -> None:
    way, place = WAYS[where]
    prepare(session, way)
    before, asked = everything(session, take), way(locking=PATIENT)
    with held(connection, place):
        process = client(f"SET statement_timeout = '2s';\n{asked}" if how == "statement_timeout" else asked)
        if how == "pg_terminate_backend":
            session.run(f"SELECT pg_terminate_backend({waiting(session)})")
        elif how == "kill -9 of the client":
            waiting(session)
            process.kill()
        process.wait(30)
    until(lambda: session.value(f"SELECT count(*) {CLIENTS}") == 0)
    assert process.returncode != 0
    assert everything(session, take) == before
    session.run(way())
    assert rows_of(session) == before[0]
    assert bool(session.value("SELECT count(*) FROM timescaledb_information.hypertables")) is (way is block)


@pytest.mark.parametrize("way", [block, plain])
def test_a_block_on_its_own_that_lost_its_client_is_done_or_not_begun(
    session: Session, connection: Connection, client: Any, take: Take, way: Statement
) -> None:
    """Without a transaction around it the server finishes what it was told, heard or not."""
    prepare(session, way)
    before = rows_of(session)
    place = CONVERSION["the indexes are built"]
    with held(connection, place):
        process = client(f"COMMIT;\n{way(locking=PATIENT)}")
        pid = waiting(session)
        process.kill()
    until(lambda: session.rows(f"SELECT FROM pg_stat_activity WHERE pid = {pid}") == [])
    assert rows_of(session) == before
    outcome = session.attempt(way())
    done = "hypertable already" if way is block else "not a hypertable"
    assert not outcome.code or done in outcome.message, outcome
    assert rows_of(session) == before


MEDDLING = {
    "a row is lost": "DELETE FROM public.readings WHERE id = 7",
    "a row is doubled": "INSERT INTO public.readings (id, ts) VALUES (2000, ''2026-01-01'')",
    "a value changes": "UPDATE public.readings SET note = ''altered'' WHERE id = 9",
}


def meddle(session: Session, way: Statement, action: str) -> None:
    """An event trigger: nobody can keep it from firing, and it fires after the rows were first counted."""
    tag = "DROP INDEX" if way is block else "CREATE INDEX"
    session.run(
        f"CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN {action}; END'",
        f"CREATE EVENT TRIGGER meddling ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION meddle()",
    )


@pytest.mark.parametrize("way", [block, plain])
@pytest.mark.parametrize("what", MEDDLING)
def test_rows_that_differ_afterwards_stop_everything(session: Session, take: Take, what: str, way: Statement) -> None:
    prepare(session, way)
    meddle(session, way, MEDDLING[what])
    before = everything(session, take)
    outcome = session.attempt(way())
    assert (outcome.code, f"had {before[0].count} rows" in outcome.message) == (MISMATCH, True), outcome
    assert "transaction is rolled back" in outcome.hint
    assert everything(session, take) == before
    session.run("DROP EVENT TRIGGER meddling", way())
    assert rows_of(session) == before[0]


def test_definitions_that_differ_on_the_way_back_stop_everything(session: Session, take: Take) -> None:
    prepare(session, plain)
    meddle(session, plain, "COMMENT ON TABLE public.readings IS ''new''")
    before = everything(session, take)
    outcome = session.attempt(plain())
    assert outcome.code == MISMATCH, outcome
    assert "+ COMMENT ON TABLE public.readings IS 'new'" in outcome.message
    assert everything(session, take) == before


@pytest.mark.parametrize("way", [block, plain])
def test_a_disk_that_fills_up_leaves_everything_as_it_was(full_disk: Session, way: Statement) -> None:
    session = full_disk
    session.run(
        "CREATE TABLE readings (ts timestamptz NOT NULL, note text) TABLESPACE small",
        "INSERT INTO readings SELECT '2026-01-01'::timestamptz + n * interval '1 minute', repeat('x', 500) "
        "FROM generate_series(1, 10000) n",
    )
    if way is plain:
        session.run(block())
    filler = "CREATE TABLE filler TABLESPACE small AS SELECT repeat('y', 1500) FROM generate_series(1, 10000)"
    session.run(filler)
    before = rows_of(session)
    outcome = session.attempt(way())
    assert outcome.code == "53100", outcome
    assert rows_of(session) == before
    session.run("DROP TABLE filler")
    session.run(way())
    assert rows_of(session) == before


@pytest.mark.slow
@pytest.mark.parametrize("way", [block, plain])
def test_whenever_it_is_cut_off_it_has_happened_or_not(
    session: Session, client: Any, take: Take, way: Statement
) -> None:
    session.run(
        "CREATE TABLE readings (id uuid, ts timestamptz, v float, PRIMARY KEY (id, ts))",
        "INSERT INTO readings SELECT md5(n::text)::uuid, '2026-01-01'::timestamptz + random() * interval '90 days', n "
        "FROM generate_series(1, 300000) n",
        "CREATE INDEX by_value ON readings (v)",
    )
    if way is plain:
        session.run(block())
    before, chance = everything(session, take), random.Random(4)
    begin = time.monotonic()
    session.run(way())
    duration = time.monotonic() - begin
    session.run(plain() if way is block else block())
    for _ in range(40):
        process = client(way(locking=PATIENT))
        time.sleep(chance.uniform(0, duration * 1.1))
        if chance.random() < 0.5:
            process.kill()
        else:
            session.run(f"SELECT pg_terminate_backend(pid) {CLIENTS}")
        process.wait(60)
        until(lambda: session.value(f"SELECT count(*) {CLIENTS}") == 0)
        is_hypertable = bool(session.value("SELECT count(*) FROM timescaledb_information.hypertables"))
        assert rows_of(session) == before[0]
        if is_hypertable is (way is block):
            session.run(plain() if way is block else block())
    session.run(way())
    assert rows_of(session) == before[0]
