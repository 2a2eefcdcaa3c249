"""What the pre-flight says of the rows is what the conversion finds, by whatever way it looked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from convert_support import Session, block
from preflight_support import examined
from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.preflight import Report, scan
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.finding import Severity
from tsmigrate.sql import raw

CHUNKS = "SELECT count(*) FROM timescaledb_information.chunks"
READINGS = """
CREATE TABLE readings (id bigint NOT NULL, ts timestamptz, value int);
INSERT INTO readings
SELECT n, '2026-01-01 00:00+00'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 240) n;
"""


def told(report: Report, check: str) -> list[str]:
    return [finding.seen for finding in report.findings if finding.check == check]


@pytest.fixture(params=["scan", "index"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small tables are read once; here an index is used all the same."""
    if request.param == "index":
        monkeypatch.setattr(scan, "SMALL_TABLE", 0)
    return str(request.param)


def index(way: str, session: Session, table: str = "readings", column: str = "ts") -> None:
    if way == "index":
        session.run(f"CREATE INDEX ON {table} ({column})")


@pytest.mark.parametrize(
    ("kind", "rows", "interval"),
    [
        ("timestamptz", "'2026-03-01 00:30+00'::timestamptz + n * interval '5 hours'", "1 day"),
        ("timestamptz", "'1969-11-01 00:30+00'::timestamptz + n * interval '7 hours'", "36 hours"),
        ("timestamptz", "'0044-03-15 00:30+00 BC'::timestamptz + n * interval '90 days'", "1 month"),
        ("timestamp", "'2026-01-01'::timestamp + n * interval '250 ms'", "1500 ms"),
        ("timestamp", "'9999-01-01'::timestamp + n * n * interval '11 hours'", "7 days"),
        ("date", "date '1969-01-01' + n * 5", "7 days"),
        ("smallint", "n * 3 - 200", 10),
        ("integer", "n * n - 1000", 100),
        ("bigint", "9223372036854770000 - n * n", 1000),
    ],
)
def test_as_many_chunks_are_told_as_are_made(
    session: Session, way: str, kind: str, rows: str, interval: str | int
) -> None:
    session.run(
        f"ALTER DATABASE \"{session.database.url.database}\" SET TimeZone = 'Europe/Berlin'",
        f"CREATE TABLE readings AS SELECT ({rows})::{kind} AS ts FROM generate_series(1, 200) n",
    )
    index(way, session)
    report = examined(session, interval=interval)
    assert report.rows.chunks_exact
    assert way in report.rows.source
    session.run(block(interval=interval, default_indexes=False))
    assert session.value(CHUNKS) == report.rows.chunks
    assert session.rows("SELECT min(ts)::text, max(ts)::text FROM readings") == [
        (report.rows.earliest, report.rows.latest)
    ]


def test_rows_that_no_chunk_can_hold_are_counted(session: Session, way: str) -> None:
    session.run(READINGS, "INSERT INTO readings VALUES (0, NULL), (0, '-infinity'), (0, 'infinity')")
    index(way, session)
    report = examined(session)
    assert told(report, "rows without time") == ["1 rows have no ts"]
    assert told(report, "infinite times") == ["2 rows have an infinite ts, which no chunk can hold"]
    assert report.rows.chunks == 11


def test_rows_far_from_all_others_are_counted(session: Session, way: str) -> None:
    session.run(READINGS, "INSERT INTO readings VALUES (0, '1970-01-01 00:00+00'), (0, '1970-01-01 00:00:01+00')")
    index(way, session)
    report = examined(session)
    assert told(report, "outliers") == [
        "2 rows lie far outside of 2026-01-01 00:00:00 to 2026-01-12 00:00:00, where all others are; ts goes from "
        "1970-01-01 00:00:00+00 to 2026-01-11 00:00:00+00".replace(":00 to", ":00+00 to").replace(":00, ", ":00+00, ")
    ]


@pytest.mark.parametrize(
    "others",
    [
        "SELECT n, '2026-02-10 00:00+00'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 240) n",
        "SELECT n, '2025-12-25 00:00+00'::timestamptz, n FROM generate_series(1, 2) n",
    ],
    ids=["a pause", "a week before"],
)
def test_rows_apart_are_not_far(session: Session, way: str, others: str) -> None:
    session.run(READINGS, f"INSERT INTO readings {others}")
    index(way, session)
    assert told(examined(session), "outliers") == []


@pytest.mark.parametrize(
    "rows", ["", "INSERT INTO readings VALUES (0, NULL)", "INSERT INTO readings VALUES (0, now())"]
)
def test_an_empty_table_and_one_with_a_single_row_are_no_trouble(session: Session, way: str, rows: str) -> None:
    session.run("CREATE TABLE readings (id int, ts timestamptz)", *filter(None, [rows]))
    index(way, session)
    report = examined(session)
    assert (report.rows.chunks or 0) == (1 if "now" in rows else 0)
    assert len(told(report, "rows without time")) == (1 if "NULL" in rows else 0)


def test_fast_reads_no_row(session: Session) -> None:
    session.run(READINGS, "INSERT INTO readings VALUES (0, NULL)", "ANALYZE readings")
    before = session.value("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'readings'")
    report = examined(session, fast=True)
    assert told(report, "rows without time") == []
    assert report.rows.counted == 241
    assert not report.rows.exact
    assert 9 <= (report.rows.chunks or 0) <= 13
    assert any("not looked at" in seen for seen in told(report, "looked"))
    assert session.value("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'readings'") == before


def test_fast_on_a_table_that_was_never_analyzed_says_so(session: Session) -> None:
    session.run("CREATE TABLE readings (ts timestamptz) WITH (autovacuum_enabled = false)")
    session.run("INSERT INTO readings VALUES (now())")
    report = examined(session, fast=True)
    assert "never analyzed" in told(report, "looked")[0]
    assert (report.rows.counted, report.rows.chunks) == (None, None)


def test_a_huge_table_is_estimated_by_its_pages(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "SMALL_TABLE", 0)
    session.run(READINGS, "CREATE INDEX ON readings (ts)", "ANALYZE readings")
    session.run("UPDATE pg_class SET reltuples = reltuples * 1000000 WHERE relname = 'readings'")
    report = examined(session)
    assert report.rows.counted == 240_000_000
    assert report.rows.chunks == 11
    assert not report.rows.exact


def test_a_role_that_may_only_read_gets_all_findings(session: Session, owner: Session) -> None:
    session.run(READINGS, "INSERT INTO readings VALUES (0, NULL)", f"GRANT SELECT ON readings TO {owner.role}")
    report = examined(owner)
    assert told(report, "ownership") == [f"{owner.role} may not change it"]
    assert told(report, "rows without time") == ["1 rows have no ts"]


def test_a_role_that_may_not_read_is_told_what_is_missing(session: Session, owner: Session) -> None:
    session.run("CREATE SCHEMA closed", READINGS, "ALTER TABLE readings SET SCHEMA closed", "ANALYZE closed.readings")
    report = examined(owner, Relation("closed", "readings"))
    (finding,) = [finding for finding in report.findings if finding.check == "looked"]
    assert finding.severity is Severity.WARNING
    assert "GRANT SELECT ON closed.readings" in finding.mend
    assert report.rows.counted == 240


def test_rows_that_row_security_hides_are_not_taken_for_all(session: Session, owner: Session) -> None:
    session.run(
        READINGS,
        f"GRANT SELECT ON readings TO {owner.role}",
        "ALTER TABLE readings ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON readings USING (id < 3)",
        "ANALYZE readings",
    )
    report = examined(owner)
    assert "not looked at" in told(report, "looked")[0]
    assert report.rows.counted == 240


def test_names_may_be_odd(session: Session, way: str) -> None:
    table = Relation("o\"dd 'schema", "é" * 31 + "%")
    column = 'ti"me %s :x'
    written = '"ti""me %s :x"'
    session.run(
        """CREATE SCHEMA "o""dd 'schema" """,
        f"CREATE TABLE {table} ({written} timestamptz, v int)",
        f"INSERT INTO {table} SELECT '2026-01-01'::timestamptz + n * interval '1 day', n FROM generate_series(0, 9) n",
        f"INSERT INTO {table} VALUES (NULL, 0)",
        f'ALTER TABLE {table} ADD CONSTRAINT "c\'k" CHECK (v < 5) NOT VALID',
    )
    index(way, session, str(table), written)
    report = examined(session, table, column=column)
    assert told(report, "rows without time") == [f"1 rows have no {written}"]
    assert told(report, "not valid") == ['5 rows break its NOT VALID constraint "c\'k"']
    assert report.rows.chunks == 10


def test_a_name_that_postgresql_would_cut_off_is_wrong_use(session: Session) -> None:
    for table, column in (("x" * 64, "ts"), ("readings", "é" * 32), (Relation("s" * 64, "readings"), "ts")):
        with pytest.raises(UsageError):
            examined(session, table, column=column)


@pytest.mark.parametrize("table", ["nowhere", Relation("public", "nowhere"), Relation("nowhere", "readings")])
def test_a_table_that_is_not_there_is_the_only_blocker(session: Session, table: Relation | str) -> None:
    blockers = [f.check for f in examined(session, table).findings if f.severity is Severity.BLOCKER]
    assert blockers == ["missing table"]


def test_a_table_that_somebody_holds_is_not_waited_for_without_end(
    session: Session, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsmigrate.convert.preflight.report.LOCK_TIMEOUT", "100ms")
    session.run(READINGS)
    connection.execute(raw("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE"))
    with pytest.raises(BlockedError, match="readings could not be looked at"):
        examined(session)


@pytest.mark.parametrize(("megabytes", "severity"), [(24, "blocker"), (40, "warning"), (100, "note")])
def test_the_disk_of_the_table_is_looked_at(
    session: Session, state: Path, small_disk: Callable[[Path, int], None], megabytes: int, severity: str
) -> None:
    data = Path(session.value("SHOW data_directory"))
    folder = state.parent / "disk"
    small_disk(folder, megabytes)
    os.chown(folder, data.stat().st_uid, data.stat().st_gid)
    with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw(f"CREATE TABLESPACE small LOCATION '{folder}'"))
    try:
        session.run(
            "CREATE TABLE readings (ts timestamptz NOT NULL, filling text) TABLESPACE small",
            "INSERT INTO readings SELECT now(), repeat('x', 1000) FROM generate_series(1, 14000)",
        )
        (finding,) = [finding for finding in examined(session).findings if finding.check == "disk"]
        assert finding.severity == severity
        assert "16 MB for the rows" in finding.seen
        assert str(folder) in finding.seen
    finally:
        session.run("DROP TABLE IF EXISTS readings")
        with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
            connection.execute(raw("DROP TABLESPACE small"))
