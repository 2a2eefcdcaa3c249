"""A chunk that was a whole table becomes chunks of the interval, cut by cut, and the way back stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from attach_support import LATER, READINGS, community
from convert_support import NASTY, Session, assert_same, attach, plain, rows_and_sequences
from convert_support import NASTY_TABLE as NASTY_ONE
from split_support import ALL, ATTACHED, CUTS, TEN_DAYS, chunks, planned, split
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.split import Request, plan
from tsmigrate.errors import RefusedError, UsageError
from tsmigrate.sql import raw


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
