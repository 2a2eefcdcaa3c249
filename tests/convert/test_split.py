"""A chunk that was a whole table becomes chunks of the interval, cut by cut, and the way back stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection

from convert_support import NASTY, NO_WAIT, Session, assert_same, attach, plain, rows_and_sequences
from convert_support import NASTY_TABLE as NASTY_ONE
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.split import Plan, Request, alone, cut_all, plan
from tsmigrate.errors import BlockedError, RefusedError, UsageError
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import raw

community = pytest.mark.edition(Edition.COMMUNITY)
READINGS = Relation("public", "readings")
ATTACHED = "tsmigrate_attached.tsmigrate_attached"
TEN_DAYS = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, v int, text text,
                       twice int GENERATED ALWAYS AS (v * 2) STORED, PRIMARY KEY (id, ts));
INSERT INTO readings (ts, v) SELECT '2026-01-01 06:00Z'::timestamptz + n * interval '1 hour', n
FROM generate_series(0, 239) n;
"""
LATER = "INSERT INTO readings (ts) SELECT '2030-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 5) n"
ALL = 1_000
CUTS = 9  # the day that was last holds too few rows for a cut of its own


def planned(session: Session, table: Relation = READINGS, **asked: Any) -> Plan:
    with connect.connection(session.database) as connection:
        return plan(connection, Request(table, **asked))


def split(
    session: Session, table: Relation = READINGS, *, cuts: int = ALL, locking: Locking = NO_WAIT, **asked: Any
) -> int:
    """How many cuts were made."""
    with connect.connection(session.database) as connection, alone(connection, Request(table, **asked)):
        if session.role:
            connection.execute(raw(f'SET SESSION AUTHORIZATION "{session.role}"'))
        found = plan(connection, Request(table, **asked))
        assert not [finding for finding in found.findings if finding.severity == "blocker"], found.findings
        return cut_all(connection, found, found.cuts[:cuts], locking, lambda _: None).cuts


def chunks(session: Session) -> list[tuple[Any, ...]]:
    return list(
        session.rows(
            "SELECT chunk_schema, range_start, range_end FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'readings' ORDER BY range_start"
        )
    )


def object_of(session: Session, table: Relation = READINGS) -> Any:
    return session.value(f"SELECT $x${table}$x$::regclass::oid")


@community
def test_each_chunk_is_of_the_interval_and_no_row_is_lost(edition: Edition, session: Session) -> None:
    session.run(TEN_DAYS, attach())
    rows = rows_and_sequences(session, READINGS)
    assert [chunk.rows for chunk in planned(session).chunks] == [240]
    assert split(session) == CUTS
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 13)]
    assert chunks(session)[0] == ("tsmigrate_attached", datetime(2026, 1, 1, 6, tzinfo=UTC), days[1])
    assert [(begin, end) for _, begin, end in chunks(session)[1:]] == list(pairwise(days[1:]))
    assert {schema for schema, _, _ in chunks(session)[1:]} == {"_timescaledb_internal"}
    assert rows_and_sequences(session, READINGS)[0] == rows[0]
    assert session.value(f"SELECT count(*) FROM {ATTACHED}") == 18
    assert split(session) == 0


@community
@pytest.mark.parametrize("cuts", [0, 1, 4, ALL])
def test_the_way_back_is_the_same_table_however_far_it_was_split(
    edition: Edition, session: Session, take: Any, cuts: int
) -> None:
    session.run(TEN_DAYS)
    before, object_before = take(), object_of(session)
    session.run(attach())
    remembered = session.rows("SELECT * FROM tsmigrate.undo")
    split(session, cuts=cuts)
    assert len(chunks(session)) == 1 + min(cuts + 1, 10) * (cuts > 0)
    assert session.rows("SELECT * FROM tsmigrate.undo") == remembered
    session.run(LATER, "UPDATE readings SET v = 7 WHERE v IN (1, 100, 200)", "DELETE FROM readings WHERE v = 150")
    rows = rows_and_sequences(session, READINGS)[0]
    outcome = session.run(plain())
    assert not any("copied" in told for told in outcome.notices), outcome
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert object_of(session) == object_before
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate%'") == 0


@community
@pytest.mark.parametrize("ordinary", [False, True], ids=["superuser", "ordinary owner"])
@pytest.mark.parametrize("cuts", [2, ALL])
def test_the_nasty_table_comes_back_byte_for_byte(  # noqa: PLR0917 - fixtures
    edition: Edition,
    session: Session,
    owner: Session,
    reader: str,
    psql: Callable[..., Any],
    take: Any,
    cuts: int,
    ordinary: bool,
) -> None:
    role = owner if ordinary else session
    done = psql(f"SET SESSION AUTHORIZATION {owner.role};\n{NASTY}" if ordinary else NASTY, count=3_000)
    assert done.returncode == 0, done.stderr
    before, object_before = take(), object_of(session, NASTY_ONE)
    role.run(attach(NASTY_ONE, interval="10 days"))
    attached = take()
    rows = rows_and_sequences(session, NASTY_ONE)[0]
    assert split(role, NASTY_ONE, cuts=cuts) >= 2
    assert rows_and_sequences(session, NASTY_ONE)[0] == rows
    assert take().schema == attached.schema
    role.run(plain(NASTY_ONE))
    assert_same(before, take())
    assert rows_and_sequences(session, NASTY_ONE)[0] == rows
    assert object_of(session, NASTY_ONE) == object_before


@community
@pytest.mark.parametrize(
    ("kind", "first", "interval", "made"),
    [
        ("date", "date '1969-12-20' + n / 4", "7 days", 4),
        ("timestamp", "timestamp '2026-01-01' + n * interval '1 hour'", "1 day", 5),
        ("timestamptz", "timestamptz '0044-03-15 BC' + n * interval '1 day'", "30 days", 5),
        ("smallint", "n - 50", 10, 10),
        ("int", "2147483647 - n", 25, 4),
        ("bigint", "9000000000000000000 + n", 25, 4),
    ],
)
def test_every_type_of_time_is_split(  # noqa: PLR0917 - fixtures
    edition: Edition, session: Session, take: Any, kind: str, first: str, interval: str | int, made: int
) -> None:
    session.run(
        f"CREATE TABLE readings (ts {kind}, v int)",
        f"INSERT INTO readings SELECT {first}, n FROM generate_series(1, 100) n",
    )
    before = take()
    session.run(attach(interval=interval))
    rows = rows_and_sequences(session, READINGS)[0]
    split(session)
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert made <= session.value("SELECT count(*) FROM timescaledb_information.chunks") <= made + 1
    session.run(plain())
    assert_same(before, take())
    assert rows_and_sequences(session, READINGS)[0] == rows


@community
@pytest.mark.parametrize("cuts", [1, ALL])
def test_a_column_that_was_dropped_meanwhile_is_no_hindrance(edition: Edition, session: Session, cuts: int) -> None:
    """Before 2.29.1 it is still on the chunk."""
    session.run(TEN_DAYS, "ALTER TABLE readings ADD extra int NOT NULL DEFAULT 1", attach())
    session.run("ALTER TABLE readings DROP COLUMN extra")
    rows, object_before = rows_and_sequences(session, READINGS)[0], session.value(f"SELECT '{ATTACHED}'::regclass::oid")
    split(session, cuts=cuts)
    assert rows_and_sequences(session, READINGS)[0] == rows
    session.run(plain())
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert object_of(session) == object_before


@community
def test_rows_far_off_do_not_cost_a_cut_for_each_empty_interval(edition: Edition, session: Session) -> None:
    session.run(TEN_DAYS, "INSERT INTO readings (ts) VALUES ('1970-01-01'), ('2400-01-01')", attach())
    assert split(session) <= 32
    assert len(chunks(session)) == 13


@community
def test_many_intervals_share_a_cut(edition: Edition, session: Session) -> None:
    session.run(TEN_DAYS, attach(interval="1 hour"))
    found = planned(session)
    assert len(found.cuts) <= 32
    assert sum(cut.pieces for cut in found.cuts) == 239
    split(session)
    assert len(chunks(session)) == 240


@community
def test_another_interval_is_that_of_the_new_chunks_only(edition: Edition, session: Session) -> None:
    session.run(TEN_DAYS, attach())
    split(session, interval="5 days")
    assert len(chunks(session)) == 3
    assert session.value("SELECT time_interval::text FROM timescaledb_information.dimensions") == "1 day"
    with pytest.raises(UsageError, match="does not fit ts"):
        planned(session, interval=5)
    with pytest.raises(UsageError, match="no interval"):
        planned(session, interval="some days")


@community
def test_chunks_that_were_not_attached_are_split_when_asked(edition: Edition, session: Session, take: Any) -> None:
    session.run(
        "CREATE TABLE readings (ts timestamptz NOT NULL, v int)",
        "SELECT create_hypertable('readings', 'ts', chunk_time_interval => interval '10 days')",
        "INSERT INTO readings SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n "
        "FROM generate_series(1, 500) n",
        "SELECT set_chunk_time_interval('readings', interval '1 day')",
    )
    rows = rows_and_sequences(session, READINGS)[0]
    assert planned(session).chunks == []
    split(session, wide=True)
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert len(chunks(session)) == session.value("SELECT count(DISTINCT ts::date) FROM readings")


TIED = """
CREATE TABLE site (id int PRIMARY KEY); INSERT INTO site VALUES (1);
CREATE TABLE readings (id int, ts timestamptz, site int REFERENCES site DEFERRABLE INITIALLY DEFERRED,
                       PRIMARY KEY (id, ts));
CREATE TABLE child (id int, ts timestamptz,
                    CONSTRAINT far FOREIGN KEY (id, ts) REFERENCES readings ON DELETE CASCADE DEFERRABLE);
INSERT INTO readings SELECT n, '2026-01-01'::timestamptz + n * interval '1 hour', 1 FROM generate_series(1, 100) n;
INSERT INTO child SELECT id, ts FROM readings;
SET CONSTRAINTS ALL IMMEDIATE;
CREATE TABLE noted (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO noted VALUES (TG_NAME); RETURN NULL; END';
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''it fires''; END';
CREATE TRIGGER each AFTER INSERT OR DELETE ON readings FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER all_of_it AFTER INSERT OR DELETE OR TRUNCATE ON readings EXECUTE FUNCTION note();
CREATE TRIGGER off BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION stop();
ALTER TABLE readings DISABLE TRIGGER off;
COMMENT ON TRIGGER each ON readings IS 'a comment';
"""


@community
@pytest.mark.parametrize("cuts", [1, ALL])
def test_triggers_do_not_see_it_and_foreign_keys_hold(edition: Edition, session: Session, take: Any, cuts: int) -> None:
    session.run(TIED)
    before = take()
    session.run(attach())
    attached = take()
    split(session, cuts=cuts)
    assert take().schema == attached.schema
    assert session.value("SELECT count(*) FROM noted") == 0
    assert session.value("SELECT count(*) FROM child") == 100
    session.run("DELETE FROM readings WHERE id IN (1, 99)")
    assert session.value("SELECT count(*) FROM child") == 98
    assert sorted(session.rows("SELECT * FROM noted")) == [("all_of_it",), ("each",), ("each",)]
    assert session.attempt("INSERT INTO child VALUES (1, '2026-01-01')").code == "23503"
    assert session.attempt("INSERT INTO readings VALUES (1, '2026-01-03', 2)").code == "23503"
    session.run(plain())
    assert_same(before, take())
    assert session.value("SELECT count(*) FROM readings") == 98


AGGREGATE = """
CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous, timescaledb.materialized_only = {materialized}) AS
SELECT time_bucket('1 day', ts) AS day, count(*) AS readings, sum(v) AS total FROM readings GROUP BY 1 WITH NO DATA
"""


@community
@pytest.mark.parametrize("materialized", [True, False])
def test_a_continuous_aggregate_neither_loses_nor_doubles(
    edition: Edition, session: Session, materialized: bool
) -> None:
    session.run(TEN_DAYS, attach())
    session.run(AGGREGATE.format(materialized=materialized))
    with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw("CALL refresh_continuous_aggregate('daily', NULL, '2026-01-08')"))
    content = "SELECT day, readings, total FROM daily ORDER BY 1"
    pending = (
        "SELECT count(*) FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log "
        "WHERE lowest_modified_value < _timescaledb_functions.time_to_internal('2026-01-08'::timestamptz)"
    )
    before, pending_before = session.rows(content), session.value(pending)
    for cuts in (1, 3, ALL):
        split(session, cuts=cuts)
        assert session.rows(content) == before
    assert session.value(pending) == pending_before
    with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw("CALL refresh_continuous_aggregate('daily', NULL, NULL, force => true)"))
    expected = "SELECT time_bucket('1 day', ts) AS day, count(*), sum(v) FROM readings GROUP BY 1 ORDER BY 1"
    assert session.rows(content) == session.rows(expected)


@community
def test_retention_and_the_columnstore_then_work_chunk_by_chunk(edition: Edition, session: Session, take: Any) -> None:
    session.run(TEN_DAYS)
    before = take()
    session.run(attach(), "ALTER TABLE readings SET (timescaledb.compress, timescaledb.compress_segmentby = 'v')")
    split(session)
    session.run("SELECT compress_chunk(c) FROM show_chunks('readings', older_than => '2026-01-04'::timestamptz) c")
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed") == 3
    session.run("SELECT drop_chunks('readings', '2026-01-03'::timestamptz)")
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks") == 9
    assert session.value("SELECT min(ts) FROM readings") == datetime(2026, 1, 3, tzinfo=UTC)
    session.run(
        "SELECT decompress_chunk(c, true) FROM show_chunks('readings') c",
        "ALTER TABLE readings SET (timescaledb.compress = false)",
    )
    outcome = session.run(plain())
    assert any("is no chunk of it any more" in told for told in outcome.notices), outcome
    assert_same(before, take())
    assert session.value("SELECT count(*) FROM readings") == 198


@community
def test_a_compressed_chunk_is_refused_with_the_mend(edition: Edition, session: Session) -> None:
    session.run(
        TEN_DAYS,
        attach(),
        "ALTER TABLE readings SET (timescaledb.compress)",
        "SELECT compress_chunk(c) FROM show_chunks('readings') c",
    )
    (finding,) = planned(session).findings
    assert (finding.check, finding.severity) == ("columnstore", "blocker")
    assert f"decompress_chunk('{ATTACHED}')" in finding.mend
    session.run(f"SELECT decompress_chunk('{ATTACHED}')")
    assert split(session) == CUTS


@community
def test_another_role_is_refused(edition: Edition, session: Session, owner: Session) -> None:
    session.run(TEN_DAYS, attach())
    with connect.connection(session.database) as connection:
        connection.execute(raw(f'SET SESSION AUTHORIZATION "{owner.role}"'))
        found = plan(connection, Request(READINGS))
    assert [finding.check for finding in found.findings] == ["ownership", "undo"]
    assert found.cuts == []


@community
def test_what_is_no_hypertable_is_refused(edition: Edition, session: Session) -> None:
    session.run("CREATE TABLE readings (ts timestamptz)")
    assert [finding.check for finding in planned(session).findings] == ["hypertable"]
    with pytest.raises(UsageError, match="there is no table"):
        planned(session, Relation("public", "missing"))


@pytest.mark.edition(Edition.APACHE)
def test_the_apache_edition_is_refused(edition: Edition, session: Session) -> None:
    session.run("CREATE TABLE readings (ts timestamptz)")
    with pytest.raises(RefusedError, match="split needs TimescaleDB Community"):
        planned(session)


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
