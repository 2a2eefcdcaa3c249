"""A split that is disturbed or cut off has made whole cuts or none, and a rerun goes on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from attach_support import READINGS, community
from convert_support import NO_WAIT, Session, assert_same, attach, plain, rows_and_sequences
from split_support import ATTACHED, CUTS, TEN_DAYS, chunks, planned, split
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.convert.split import Request, alone, cut_all
from tsmigrate.errors import BlockedError
from tsmigrate.sql import raw


@community
def test_two_at_once_do_not_meet(edition: Edition, session: Session) -> None:
    session.run(TEN_DAYS, attach())
    with (
        connect.connection(session.database) as connection,
        alone(connection, Request(READINGS)),
        pytest.raises(BlockedError, match="is being split already"),
    ):
        split(session)
    assert split(session) == CUTS


@community
def test_a_plan_that_is_no_longer_true_changes_nothing(edition: Edition, session: Session) -> None:
    session.run(TEN_DAYS, attach())
    old = planned(session)
    split(session, cuts=1)
    rows, found = rows_and_sequences(session, READINGS), chunks(session)
    with connect.connection(session.database) as connection, pytest.raises(BlockedError, match="not what it was"):
        cut_all(connection, old, old.cuts, NO_WAIT, lambda _: None)
    assert (rows_and_sequences(session, READINGS), chunks(session)) == (rows, found)


@community
def test_a_busy_table_is_said_to_be_busy_and_what_is_done_stays(
    edition: Edition, session: Session, connection: Connection
) -> None:
    session.run(TEN_DAYS, attach())
    split(session, cuts=2)
    connection.execute(raw("SELECT count(*) FROM readings"))
    with pytest.raises(BlockedError, match=r"cut 1 of 7 .* could not be locked in 1 attempts of 200 ms") as error:
        split(session)
    assert "pg_blocking_pids" in error.value.mend
    connection.rollback()
    assert split(session) == 7


WITH_TRIGGER = """
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER each BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE readings FORCE ROW LEVEL SECURITY;
"""

MEDDLING = {
    "a row that moves is lost": "DELETE FROM public.readings WHERE v = 239",
    "a row that moves is altered": "UPDATE public.readings SET v = 0 WHERE v = 239",
    "a row comes": "INSERT INTO public.readings (ts) VALUES ('2026-01-11')",
    "a row that stays is lost": f"DELETE FROM {ATTACHED} WHERE v = 3",
}


@community
@pytest.mark.parametrize("cuts_before", [0, CUTS - 1], ids=["the first", "the last"])
@pytest.mark.parametrize("what", MEDDLING)
def test_rows_that_differ_stop_a_cut(edition: Edition, session: Session, what: str, cuts_before: int) -> None:
    """By an event trigger, after they were counted: a cut drops the hypertable's triggers for its own time."""
    session.run(TEN_DAYS, WITH_TRIGGER, attach())
    split(session, cuts=cuts_before)
    action = MEDDLING[what] if not cuts_before else MEDDLING[what].replace("239", "30").replace("01-11", "01-02")
    session.run(
        f"CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {action}; END $$",
        "CREATE EVENT TRIGGER meddling ON ddl_command_end WHEN TAG IN ('DROP TRIGGER') EXECUTE FUNCTION meddle()",
    )
    rows, found = rows_and_sequences(session, READINGS)[0], chunks(session)
    with pytest.raises(BlockedError, match=r"were to (move|stay)") as error:
        split(session)
    assert "rolled back" in error.value.mend
    assert (rows_and_sequences(session, READINGS)[0], chunks(session)) == (rows, found)
    session.run("DROP EVENT TRIGGER meddling")
    assert split(session) == CUTS - cuts_before
    assert rows_and_sequences(session, READINGS)[0] == rows


@community
@pytest.mark.parametrize("cuts_before", [0, 4, CUTS - 1])
@pytest.mark.parametrize("where", ["before the rows move", "at its end"])
def test_a_connection_that_dies_in_a_cut_has_not_made_it_and_a_rerun_goes_on(
    edition: Edition, session: Session, take: Any, where: str, cuts_before: int
) -> None:
    session.run(TEN_DAYS, WITH_TRIGGER)
    before = take()
    session.run(attach())
    split(session, cuts=cuts_before)
    # The last statement of a cut says FORCE again.
    dies = "'DROP TRIGGER'" if where == "before the rows move" else "'ALTER TABLE'"
    session.run(
        "CREATE FUNCTION die() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NOT (SELECT relforcerowsecurity FROM pg_class WHERE oid = 'public.readings'::regclass) THEN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$",
        f"CREATE EVENT TRIGGER dying ON ddl_command_start WHEN TAG IN ({dies}) EXECUTE FUNCTION die()",
    )
    rows, found = rows_and_sequences(session, READINGS)[0], chunks(session)
    with pytest.raises(BlockedError, match=f"cut 1 of {CUTS - cuts_before} .*(terminat|closed the connection)"):
        split(session)
    assert (rows_and_sequences(session, READINGS)[0], chunks(session)) == (rows, found)
    session.run("DROP EVENT TRIGGER dying", "DROP FUNCTION die")
    if cuts_before == 4:
        assert split(session) == CUTS - cuts_before
        assert rows_and_sequences(session, READINGS)[0] == rows
    session.run(plain())
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS)[0] == rows


@community
def test_a_disk_without_room_is_refused_beforehand_and_a_full_one_changes_nothing(
    edition: Edition, full_disk: Session
) -> None:
    session = full_disk
    session.run(
        "CREATE TABLE readings (ts timestamptz NOT NULL, note text) TABLESPACE small",
        "INSERT INTO readings SELECT '2026-01-01'::timestamptz + n * interval '1 minute', repeat('x', 500) "
        "FROM generate_series(1, 10000) n",
        attach(),
    )
    old = planned(session)
    assert [(finding.check, finding.severity) for finding in old.findings if "disk" in finding.check] == [
        ("disk", "note")
    ]
    session.run("CREATE TABLE filler (line text) TABLESPACE small")
    fill = "INSERT INTO filler SELECT repeat('y', 1500) FROM generate_series(1, {rows})"
    for rows in (1_000, 100, 5):
        while not session.attempt(fill.format(rows=rows)).code:
            pass
    (finding,) = [finding for finding in planned(session).findings if finding.severity == "blocker"]
    assert finding.check == "disk"
    assert "splitting needs " in finding.seen
    before = rows_and_sequences(session, READINGS)[0], chunks(session)
    with (
        connect.connection(session.database) as connection,
        pytest.raises(BlockedError, match="before it stay") as full,
    ):
        cut_all(connection, old, old.cuts, NO_WAIT, lambda _: None)
    assert "free some room" in full.value.mend
    assert (rows_and_sequences(session, READINGS)[0], chunks(session)) == before
    session.run("DROP TABLE filler")
    assert split(session) == len(old.cuts)
    assert rows_and_sequences(session, READINGS)[0] == before[0]
