"""Whatever cuts attaching or detaching off, at whichever phase: the table is as before or done, and a rerun finishes.

An event trigger stops the block where a test wants it, and waits there for an advisory lock that the test holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from attach_support import LATER, READINGS
from convert_support import (
    CLIENTS,
    PATIENT,
    Session,
    assert_same,
    attach,
    held,
    plain,
    rows_and_sequences,
    until,
    waiting,
)
from tsmigrate.capability import Edition
from tsmigrate.plpgsql import REFUSED
from tsmigrate.sql import raw

pytestmark = pytest.mark.edition(Edition.COMMUNITY)
PLACE = 7
KEYED = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, v int, PRIMARY KEY (id, ts));
INSERT INTO readings (ts, v) SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 100) n;
COMMENT ON TABLE readings IS 'some';
CREATE VIEW seen AS SELECT * FROM readings;
"""
WAYS: dict[str, tuple[Callable[..., str], str]] = {
    "attaching, the table steps aside": (attach, "CREATE SCHEMA"),
    "attaching, the hypertable is made": (attach, "CREATE TABLE"),
    "attaching, dependents are pointed at it": (attach, "CREATE VIEW"),
    "attaching, at its end": (attach, "COMMENT"),
    "detaching, the hypertable steps aside": (plain, "CREATE SCHEMA"),
    "detaching, the rows move": (plain, "CREATE VIEW"),
    "detaching, at its end": (plain, "DROP SCHEMA"),
}
HOW = ["pg_terminate_backend", "kill -9 of the client", "statement_timeout"]


def prepare(session: Session, way: Callable[..., str]) -> None:
    session.run(KEYED)
    if way is plain:
        session.run(attach(), LATER)


def rows_of(session: Session) -> Any:
    return rows_and_sequences(session, READINGS)[0]


def is_converted(session: Session) -> bool:
    return bool(session.value("SELECT count(*) FROM timescaledb_information.hypertables"))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("where", WAYS)
def test_what_is_cut_off_has_changed_nothing_and_a_rerun_finishes(  # noqa: PLR0917 - fixtures
    edition: Edition, session: Session, connection: Connection, client: Any, take: Any, where: str, how: str
) -> None:
    way, tag = WAYS[where]
    prepare(session, way)
    session.run(
        "CREATE FUNCTION wait_here() RETURNS event_trigger LANGUAGE plpgsql AS "
        f"'BEGIN PERFORM pg_advisory_xact_lock({PLACE}); END'",
        f"CREATE EVENT TRIGGER waiting ON ddl_command_start WHEN TAG IN ('{tag}') EXECUTE FUNCTION wait_here()",
    )
    before, rows = take(), rows_of(session)
    asked = way(locking=PATIENT)
    with held(connection, PLACE):
        process = client(f"SET statement_timeout = '2s';\n{asked}" if how == "statement_timeout" else asked)
        if how == "pg_terminate_backend":
            session.run(f"SELECT pg_terminate_backend({waiting(session)})")
        elif how == "kill -9 of the client":
            waiting(session)
            process.kill()
        process.wait(30)
    until(lambda: session.value(f"SELECT count(*) {CLIENTS}") == 0)
    assert process.returncode != 0
    assert_same(before, take())
    assert rows_of(session) == rows
    session.run("DROP EVENT TRIGGER waiting", way())
    assert rows_of(session) == rows
    assert is_converted(session) is (way is attach)


@pytest.mark.parametrize("way", [attach, plain])
def test_a_table_that_is_locked_stays_as_it_is_and_a_rerun_finishes(
    edition: Edition, session: Session, connection: Connection, take: Any, way: Callable[..., str]
) -> None:
    prepare(session, way)
    before, rows = take(), rows_of(session)
    connection.execute(raw("SELECT count(*) FROM readings"))
    outcome = session.attempt(way())
    assert outcome.code == "55P03", outcome
    assert "pg_blocking_pids" in outcome.hint
    connection.rollback()
    assert_same(before, take())
    session.run(way())
    assert rows_of(session) == rows


@pytest.mark.parametrize("way", [attach, plain])
def test_a_rerun_of_what_is_done_says_so(edition: Edition, session: Session, way: Callable[..., str]) -> None:
    """As after a client that was lost when the server had committed already."""
    prepare(session, way)
    session.run(way())
    rows = rows_of(session)
    outcome = session.attempt(way())
    assert outcome.code == REFUSED, outcome
    done = "it is a hypertable already, on ts" if way is attach else "it is not a hypertable"
    assert done in outcome.message, outcome
    assert rows_of(session) == rows


@pytest.mark.parametrize("way", [attach, plain])
def test_a_disk_that_fills_up_leaves_everything_as_it_was(
    edition: Edition, full_disk: Session, way: Callable[..., str]
) -> None:
    """Attaching needs room for a materialized view that is filled anew; detaching for the rows of other chunks."""
    session = full_disk
    session.run(
        "CREATE TABLE readings (ts timestamptz NOT NULL, note text) TABLESPACE small",
        "INSERT INTO readings SELECT '2026-01-01'::timestamptz + n * interval '1 minute', repeat('x', 50) "
        "FROM generate_series(1, 50000) n",
    )
    if way is attach:
        session.run("CREATE MATERIALIZED VIEW copied TABLESPACE small AS SELECT * FROM readings")
    else:
        session.run(
            attach(),
            "INSERT INTO readings SELECT '2027-01-01'::timestamptz + n * interval '1 s', repeat('x', 500) "
            "FROM generate_series(1, 8000) n",
        )
    session.run("CREATE TABLE filler (line text) TABLESPACE small")
    fill = "INSERT INTO filler SELECT repeat('y', 1500) FROM generate_series(1, {rows})"
    for rows in (1_000, 100):
        while not session.attempt(fill.format(rows=rows)).code:
            pass
    rows_before = rows_of(session)
    outcome = session.attempt(way())
    assert outcome.code == "53100", outcome
    assert rows_of(session) == rows_before
    assert is_converted(session) is (way is plain)
    session.run("DROP TABLE filler")
    session.run(way())
    assert rows_of(session) == rows_before
