"""A table that is attached as a chunk keeps its rows where they are, and comes back as the very same table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from attach_support import KEYED, LATER, READINGS, attached, community, object_of
from convert_support import NASTY, Session, assert_same, attach, plain, rows_and_sequences
from convert_support import NASTY_TABLE as TABLE
from tsmigrate.capability import ATTACHES_CLEANLY, Edition, Version
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.blocks import MISMATCH
from tsmigrate.convert.request import HashDimension
from tsmigrate.plpgsql import REFUSED
from tsmigrate.sql import raw


def rows_and_own_sequences(session: Session, table: Relation) -> Any:
    """Without those of the chunk, which nobody asks for numbers, and which a way back that fails may set."""
    rows, sequences = rows_and_sequences(session, table)
    return rows, {name: at for name, at in sequences.items() if name.schema != "tsmigrate_attached"}


@community
@pytest.mark.parametrize("ordinary", [False, True], ids=["superuser", "ordinary owner"])
@pytest.mark.parametrize("count", [1, 10_000])
def test_the_nasty_table_is_attached_and_comes_back_byte_for_byte(  # noqa: PLR0917 - fixtures
    edition: Edition,
    session: Session,
    owner: Session,
    reader: str,
    psql: Callable[..., Any],
    take: Any,
    count: int,
    ordinary: bool,
) -> None:
    role = owner if ordinary else session
    done = psql(f"SET SESSION AUTHORIZATION {owner.role};\n{NASTY}" if ordinary else NASTY, count=count)
    assert done.returncode == 0, done.stderr
    before, object_before = take(), object_of(session, TABLE)
    for year in (2028, 2030):
        role.run(attach(TABLE, interval="60 days"))
        session.run(
            f"INSERT INTO {TABLE} (ts, mood, amount) "
            f"SELECT '{year}-01-01'::timestamptz + n * interval '9 days', 'it''s; fine', n "
            "FROM generate_series(1, 20) n",
            f"UPDATE {TABLE} SET amount = 0.25 WHERE id = 3",
            f"DELETE FROM {TABLE} WHERE id = 1",
            """REFRESH MATERIALIZED VIEW "o""dd".kept""",
        )
        assert session.value("SELECT count(*) > 3 FROM timescaledb_information.chunks")
        rows = rows_and_own_sequences(session, TABLE)
        outcome = role.run(plain(TABLE))
        assert attached(outcome), outcome
        assert_same(before, take())
        assert rows_and_sequences(session, TABLE) == rows
        assert object_of(session, TABLE) == object_before
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate%'") == 0


def there_and_back(session: Session, take: Any, *meanwhile: str, **asked: Any) -> None:
    before, object_before = take(), object_of(session, READINGS)
    session.run(attach(**asked))
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks") == 1
    session.run(*meanwhile)
    rows = rows_and_sequences(session, READINGS)[0]
    outcome = session.run(plain())
    assert attached(outcome), outcome
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert object_of(session, READINGS) == object_before


@community
def test_the_rows_stay_in_their_file(edition: Edition, session: Session) -> None:
    session.run(KEYED)
    before = object_of(session, READINGS)
    session.run(attach())
    assert object_of(session, Relation("tsmigrate_attached", "tsmigrate_attached")) == before
    assert session.rows("SELECT chunk_schema, chunk_name FROM timescaledb_information.chunks") == [
        ("tsmigrate_attached", "tsmigrate_attached")
    ]
    session.run(LATER)
    assert session.value("SELECT max(id) FROM readings") == 105
    assert session.value("SELECT count(*) FROM tsmigrate_attached.tsmigrate_attached") == 100


@community
def test_an_identity_goes_on_where_it_was_there_and_back(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    there_and_back(session, take, LATER)
    session.run(LATER)
    assert session.value("SELECT max(id) FROM readings") == 110


@community
@pytest.mark.parametrize(
    ("kind", "first", "interval"),
    [
        ("date", "date '2026-01-01' + n", "7 days"),
        ("timestamp", "timestamp '2026-01-01' + n * interval '1 hour'", "1 day"),
        ("timestamptz", "timestamptz '0044-03-15 BC' + n * interval '1 year'", "1 day"),
        ("timestamptz", "timestamptz '9999-12-31' + n * interval '1 year'", "1 day"),
        ("smallint", "n - 50", 10),
        ("int", "2147483647 - n", 1000),
        ("bigint", "9000000000000000000 + n", 1000),
    ],
)
def test_every_type_of_time_is_attached(  # noqa: PLR0917 - fixtures
    edition: Edition, session: Session, take: Any, kind: str, first: str, interval: str | int
) -> None:
    session.run(
        f"CREATE TABLE readings (ts {kind}, v int)",
        f"INSERT INTO readings SELECT {first}, n FROM generate_series(1, 100) n",
    )
    there_and_back(session, take, "DELETE FROM readings WHERE v = 7", interval=interval)


@community
def test_the_default_index_comes_and_goes(edition: Edition, session: Session, take: Any) -> None:
    session.run("CREATE TABLE readings (ts timestamptz, v int)", "INSERT INTO readings VALUES (now(), 1)")
    before = take()
    session.run(attach())
    assert session.rows("SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'readings'") == [
        ("readings_ts_idx",)
    ]
    session.run(plain())
    assert_same(before, take())
    there_and_back(session, take, default_indexes=False)


@community
def test_foreign_keys_in_both_directions_hold_and_come_back(edition: Edition, session: Session, take: Any) -> None:
    session.run(
        """CREATE TABLE site (id int PRIMARY KEY); INSERT INTO site VALUES (1);
           CREATE TABLE readings (id int, ts timestamptz,
                                  site int CONSTRAINT "at 'site'" REFERENCES site ON DELETE SET NULL,
                                  PRIMARY KEY (id, ts));
           CREATE TABLE child (id int, ts timestamptz,
               CONSTRAINT far FOREIGN KEY (id, ts) REFERENCES readings ON DELETE CASCADE DEFERRABLE);
           COMMENT ON CONSTRAINT far ON child IS 'from afar';
           INSERT INTO readings SELECT n, '2026-01-01'::timestamptz + n * interval '1 hour', 1
           FROM generate_series(1, 20) n;
           INSERT INTO child SELECT id, ts FROM readings WHERE id < 15""",
    )
    there_and_back(
        session,
        take,
        "INSERT INTO readings VALUES (100, '2030-01-01', 1)",
        "INSERT INTO child VALUES (100, '2030-01-01')",
        "DELETE FROM readings WHERE id = 1",
        """DO $$ BEGIN
             ASSERT (SELECT count(*) FROM child) = 14;
             INSERT INTO child VALUES (7, '2031-01-01');
             RAISE 'the foreign key does not hold';
           EXCEPTION WHEN foreign_key_violation THEN NULL; END $$""",
    )
    assert session.attempt("INSERT INTO child VALUES (1, '2026-01-01 01:00')").code == "23503"
    session.run("DELETE FROM readings")
    assert session.value("SELECT count(*) FROM child") == 0


@community
def test_triggers_fire_once_and_disabled_ones_never(edition: Edition, session: Session, take: Any) -> None:
    session.run(
        """CREATE TABLE readings (ts timestamptz NOT NULL, v int); INSERT INTO readings VALUES ('2026-01-01', 1);
           CREATE TABLE noted (what text);
           CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO noted VALUES (TG_NAME); RETURN NEW; END';
           CREATE TRIGGER each BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION note();
           CREATE TRIGGER after_all AFTER INSERT ON readings EXECUTE FUNCTION note();
           CREATE TRIGGER off BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION note();
           ALTER TABLE readings DISABLE TRIGGER off"""
    )
    there_and_back(
        session, take, "INSERT INTO readings VALUES ('2026-01-01', 2)", "INSERT INTO readings VALUES (now())"
    )
    session.run("INSERT INTO readings VALUES ('2026-01-01', 2)")
    assert sorted(session.rows("SELECT * FROM noted")) == [("after_all",)] * 3 + [("each",)] * 3


@community
def test_a_table_without_rows_goes_the_ordinary_way(edition: Edition, session: Session, take: Any) -> None:
    session.run("CREATE TABLE readings (ts timestamptz)", "ALTER TABLE readings FORCE ROW LEVEL SECURITY")
    before = take()
    session.run(attach())
    assert session.value("SELECT count(*) FROM timescaledb_information.hypertables") == 1
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate_%'") == 0
    session.run(plain())
    assert_same(before, take())


@pytest.mark.edition(Edition.APACHE)
def test_a_server_that_cannot_is_told_what_to_do(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    before = take()
    outcome = session.attempt(attach())
    assert outcome.code == REFUSED, outcome
    assert "attaching needs TimescaleDB Community 2.21, and this server has TimescaleDB 2.19" in outcome.message
    assert "method='copy'" in outcome.hint
    assert_same(before, take())


@pytest.mark.edition(Edition.APACHE)
def test_auto_copies_where_the_server_cannot_attach_and_says_why(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    before, rows = take(), rows_and_sequences(session, READINGS)
    outcome = session.run(attach(or_copied=True))
    assert any("is copied, not attached" in told and "needs TimescaleDB" in told for told in outcome.notices), outcome
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks") == 5
    session.run(plain())
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS) == rows


@community
def test_auto_attaches_where_it_can_and_copies_where_it_cannot(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    before = take()
    assert attached(session.run(attach(or_copied=True)))
    assert session.value("SELECT chunk_schema FROM timescaledb_information.chunks") == "tsmigrate_attached"
    session.run(plain(), "CREATE TABLE keeper (r readings)")
    with_keeper = take()
    outcome = session.run(attach(or_copied=True))
    assert any("column r of table public.keeper depends on type" in told for told in outcome.notices), outcome
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks") == 5
    session.run("ALTER TABLE keeper DROP COLUMN r", plain(), "ALTER TABLE keeper ADD r readings")
    assert_same(with_keeper, take())
    session.run("DROP TABLE keeper")
    assert_same(before, take())


@community
def test_every_reason_against_it_is_told_at_once(edition: Edition, session: Session, take: Any) -> None:
    session.run(
        """CREATE TABLE readings (id int PRIMARY KEY, ts timestamptz, code text);
           INSERT INTO readings VALUES (1, NULL, 'a'); CREATE TABLE keeper (r readings)"""
    )
    before = take()
    outcome = session.attempt(attach(interval="-1 day", hash_dimension=HashDimension("code", 2)))
    assert outcome.code == REFUSED, outcome
    for reason in ("readings_pkey", "1 rows have no ts", "-1 day", "hash dimension", "keeper"):
        assert reason in outcome.message, outcome
    assert_same(before, take())


@community
def test_psql_runs_the_same_text(edition: Edition, session: Session, psql: Callable[..., Any], take: Any) -> None:
    session.run(KEYED)
    before, object_before = take(), object_of(session, READINGS)
    for text in (attach(), plain()):
        done = psql(text)
        assert done.returncode == 0, done.stderr
    assert_same(before, take())
    assert object_of(session, READINGS) == object_before


@community
def test_a_busy_table_is_said_to_be_busy(edition: Edition, session: Session, connection: Connection) -> None:
    session.run(KEYED)
    connection.execute(raw("SELECT count(*) FROM readings"))
    for or_copied in (False, True):
        assert session.attempt(attach(or_copied=or_copied)).code == "55P03"


WRITING = {
    "a row of the table is lost": "DELETE FROM tsmigrate_attached.tsmigrate_attached WHERE v = 3",
    "a value changes": "UPDATE tsmigrate_attached.tsmigrate_attached SET v = 1 WHERE v = 3",
    "a row comes to the hypertable": "INSERT INTO public.readings (ts) VALUES ('2030-01-01')",
}


@community
@pytest.mark.parametrize(
    ("what", "counts"),
    # A server that counts no writes (track_counts, a superuser's setting) does not tell of a value that changes.
    [(what, "on") for what in WRITING] + [(what, "off") for what in WRITING if what != "a value changes"],
)
def test_rows_that_are_written_on_the_way_stop_everything(
    edition: Edition, session: Session, take: Any, what: str, counts: str
) -> None:
    """By an event trigger, after they were counted."""
    session.run(
        KEYED,
        f"CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {WRITING[what]}; END $$",
        "CREATE EVENT TRIGGER meddling ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()",
    )
    before, rows = take(), rows_and_sequences(session, READINGS)
    outcome = session.attempt(f"SET LOCAL track_counts = {counts}", attach())
    assert (outcome.code, "rows of" in outcome.message) == (MISMATCH, True), outcome
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS) == rows
    session.run("DROP EVENT TRIGGER meddling", attach())


@community
@pytest.mark.parametrize(
    ("way", "tag"),
    [(attach, tag) for tag in ("CREATE SCHEMA", "ALTER TABLE", "CREATE TABLE", "CREATE VIEW", "COMMENT")]
    + [(plain, tag) for tag in ("CREATE SCHEMA", "ALTER TABLE", "CREATE VIEW", "DROP SCHEMA")],
)
def test_a_connection_that_dies_on_the_way_has_changed_nothing(
    edition: Edition, session: Session, take: Any, way: Callable[..., str], tag: str
) -> None:
    """Wherever: as its own event trigger has it."""
    session.run(KEYED, "COMMENT ON TABLE readings IS 'some'", "CREATE VIEW seen AS SELECT * FROM readings")
    if way is plain:
        session.run(attach(), LATER)
    session.run(
        "CREATE FUNCTION die() RETURNS event_trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END'",
        f"CREATE EVENT TRIGGER dying ON ddl_command_start WHEN TAG IN ('{tag}') EXECUTE FUNCTION die()",
    )
    before, rows, object_before = take(), rows_and_own_sequences(session, READINGS), object_of(session, READINGS)
    outcome = session.attempt(way())
    assert "terminat" in outcome.message, outcome
    assert_same(before, take())
    assert rows_and_own_sequences(session, READINGS) == rows
    assert object_of(session, READINGS) == object_before
    session.run("DROP EVENT TRIGGER dying", way())
    assert rows_and_sequences(session, READINGS)[0] == rows[0]


@community
def test_a_version_whose_attaching_has_a_flaw_is_told_and_the_way_back_knows_it(
    edition: Edition, session: Session
) -> None:
    """Before 2.29.1 what is dropped from the hypertable stays on the chunk that was attached."""
    session.run(KEYED)
    outcome = session.run(attach())
    assert any("is attached: its rows stay" in told for told in outcome.notices), outcome
    installed = session.value("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    told = [told for told in outcome.notices if told.startswith("WARNING") and "stays on the chunk" in told]
    assert len(told) == (Version.parse(installed) < ATTACHES_CLEANLY), outcome
    before = object_of(session, Relation("tsmigrate_attached", "tsmigrate_attached"))
    session.run("CREATE INDEX by_value ON readings (v)", "ALTER TABLE readings ADD CHECK (v < 1000)")
    session.run("ALTER TABLE readings DROP COLUMN v", LATER)
    rows = rows_and_sequences(session, READINGS)[0]
    session.run(plain())
    assert object_of(session, READINGS) == before
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert (
        session.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'readings'::regclass AND attname = 'v'") == 0
    )
