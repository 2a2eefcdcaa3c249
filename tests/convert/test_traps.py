"""What loses or alters rows with the plain call of create_hypertable does not with ours."""

from __future__ import annotations

import pytest

from convert_support import Session, block
from in_place_support import READINGS, rows_of
from tsmigrate.plpgsql import REFUSED

# Traps: each loses or alters rows, or does what nobody asked for, with the plain call.
TRAPS = {
    "a BEFORE INSERT trigger": "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION swallow()",
    "a disabled trigger": """CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION forget();
                             ALTER TABLE readings DISABLE TRIGGER t""",
    "a replica trigger": """CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION forget();
                            ALTER TABLE readings ENABLE REPLICA TRIGGER t""",
    "an always enabled trigger": """CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION swallow();
                                    ALTER TABLE readings ENABLE ALWAYS TRIGGER t""",
    "a constraint trigger": """CREATE CONSTRAINT TRIGGER t AFTER INSERT ON readings DEFERRABLE INITIALLY DEFERRED
                               FOR EACH ROW EXECUTE FUNCTION hear()""",
    "an AFTER row trigger": "CREATE TRIGGER t AFTER INSERT ON readings FOR EACH ROW EXECUTE FUNCTION hear()",
    "a TRUNCATE trigger": "CREATE TRIGGER t BEFORE TRUNCATE ON readings FOR EACH STATEMENT EXECUTE FUNCTION hear()",
}

PLAIN_CALL = "SELECT create_hypertable('readings', 'ts', migrate_data => true)"


@pytest.mark.parametrize("trap", TRAPS)
def test_the_plain_call_is_caught_in_the_trap(session: Session, trap: str) -> None:
    """What the promise below is worth: where this fails, TimescaleDB has mended it."""
    session.run(READINGS, TRAPS[trap])
    before = rows_of(session)
    session.run(PLAIN_CALL)
    heard = session.value("SELECT count(*) FROM heard")
    assert rows_of(session) != before or heard > 0


@pytest.mark.parametrize("trap", TRAPS)
def test_our_call_is_not(session: Session, trap: str) -> None:
    session.run(READINGS, TRAPS[trap])
    before = rows_of(session)
    session.run(block())
    assert rows_of(session) == before
    assert session.value("SELECT count(*) FROM heard") == 0


# Keys that the plain call accepts, and holds within each chunk only: what should be refused is not.
UNKEPT = {
    "time is only included in the key": (
        "CREATE TABLE readings (id int, ts timestamptz NOT NULL, UNIQUE (id) INCLUDE (ts))",
        "the unique constraint readings_id_ts_key does not hold ts among its key columns",
    ),
    "time is compared by another operator": (
        """CREATE EXTENSION btree_gist; CREATE TABLE readings (id int, ts timestamptz NOT NULL,
           EXCLUDE USING gist (id WITH =, ts WITH <>))""",
        "the exclusion constraint readings_id_ts_excl compares ts with <>",
    ),
}


@pytest.mark.parametrize("trap", UNKEPT)
def test_a_key_that_would_no_longer_hold_is_refused(session: Session, trap: str) -> None:
    table, reason = UNKEPT[trap]
    row, far_away = (f"INSERT INTO readings VALUES (1, '{day}')" for day in ("2026-01-01", "2029-01-01"))
    session.run(table, row)
    assert session.attempt(far_away).code in {"23505", "23P01"}
    outcome = session.attempt(block())
    assert (outcome.code, reason in outcome.message) == (REFUSED, True), outcome
    assert session.attempt(far_away).code in {"23505", "23P01"}
    session.run(PLAIN_CALL, far_away)  # what the refusal is worth


def test_a_trigger_that_asks_for_its_table_is_warned_of(session: Session) -> None:
    session.run(
        READINGS,
        """CREATE FUNCTION name_it() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO public.heard VALUES (TG_TABLE_NAME); RETURN NEW; END';
           CREATE TRIGGER named AFTER INSERT ON readings FOR EACH ROW EXECUTE FUNCTION name_it()""",
    )
    notices = session.run(block()).notices
    assert any("the row trigger named reads TG_TABLE_NAME or its like" in notice for notice in notices), notices
    session.run("INSERT INTO readings (ts) VALUES ('2030-01-01')")
    assert session.value("SELECT what FROM heard").startswith("_hyper_")  # what the warning is worth


@pytest.mark.parametrize("trap", ["a disabled trigger", "a replica trigger"])
def test_a_trigger_that_does_not_fire_does_not_fire_in_chunks_made_later(session: Session, trap: str) -> None:
    session.run(READINGS, TRAPS[trap], block(), "INSERT INTO readings (ts) VALUES ('2030-01-01')")
    assert session.value("SELECT count(*) FROM readings") == 746
    assert "CREATE TRIGGER t BEFORE" in session.value("SELECT definition ->> 'triggers_kept_off' FROM tsmigrate.undo")


def test_triggers_that_fire_are_back_with_their_comments(session: Session) -> None:
    session.run(
        READINGS,
        TRAPS["an AFTER row trigger"],
        "COMMENT ON TRIGGER t ON readings IS 'it''s heard'",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON readings DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION hear()",
        block(),
    )
    triggers = "SELECT tgname, tgenabled, tgdeferrable, obj_description(oid, 'pg_trigger') FROM pg_trigger " + (
        "WHERE tgrelid = 'readings'::regclass AND NOT tgisinternal AND tgname <> 'ts_insert_blocker' ORDER BY 1"
    )
    assert session.rows(triggers) == [("late", "O", True, None), ("t", "O", False, "it's heard")]
    session.run("INSERT INTO readings (ts) VALUES ('2030-01-01')")
    assert session.value("SELECT count(*) FROM heard") == 2
