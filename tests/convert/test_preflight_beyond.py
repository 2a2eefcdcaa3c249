"""What the pre-flight says beyond the table itself: of other tables, the server and the role."""

from __future__ import annotations

from typing import Any

import pytest

from convert_support import Session, block
from preflight_support import TABLE, examined, found, serious
from tsmigrate.capability import Edition, Version
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.preflight import checks
from tsmigrate.finding import Severity
from tsmigrate.sql import literal


def test_the_severest_come_first(session: Session) -> None:
    session.run(
        "CREATE TABLE readings (id int PRIMARY KEY, ts timestamp)", "CREATE VIEW seen AS SELECT ts FROM readings"
    )
    severities = [finding.severity for finding in examined(session).findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert {Severity.BLOCKER, Severity.WARNING, Severity.NOTE} <= set(severities)


def test_the_command_that_a_foreign_key_is_told_with_can_be_run(session: Session, edition: Edition) -> None:
    session.run(
        'CREATE SCHEMA "far off"',
        """CREATE TABLE "far off".readings (id int PRIMARY KEY, ts timestamptz NOT NULL)""",
        """CREATE TABLE child (rid int CONSTRAINT "to it" REFERENCES "far off".readings)""",
    )
    (fate,) = found(examined(session, Relation("far off", "readings")), "foreign key fate")
    assert 'the foreign key "to it" of child has to be widened by ts, or dropped' in fate.seen
    assert 'op.drop_foreign_key_to("readings", schema="far off")' in fate.mend
    widen = (
        'op.widen_foreign_key("child", "to it", column="readings_ts", parent="readings", parent_column="ts", '
        'references={"rid": "id"}, parent_schema="far off")'
    )
    assert (widen in fate.mend) is (edition is Edition.COMMUNITY)  # Apache's server is older than 2.21.1
    assert ("would refuse good rows" in fate.why) is (edition is Edition.APACHE)


def test_a_wide_foreign_key_can_be_kept(session: Session, edition: Edition) -> None:
    session.run(TABLE, "CREATE TABLE child (id int, at timestamptz, FOREIGN KEY (id, at) REFERENCES readings)")
    (fate,) = found(examined(session), "foreign key fate")
    assert "can be kept: it holds ts" in fate.seen
    assert ("op.create_hypertable makes it again" in fate.mend) is (edition is Edition.COMMUNITY)


@pytest.mark.parametrize("interval", [5, None])
def test_an_integer_column_needs_its_now(session: Session, interval: int | None) -> None:
    session.run("CREATE TABLE readings (ts bigint NOT NULL)")
    report = examined(session, interval=interval)
    assert [finding.check for finding in serious(report)] == ["no integer now"]
    assert "integer_now" in found(report, "no integer now")[0].mend


def test_too_many_chunks_for_the_lock_table_are_refused_by_both(session: Session) -> None:
    room = session.value(
        "SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int "
        "+ current_setting('max_prepared_transactions')::int)"
    )
    chunks = room // 2 + 1
    session.run(
        "CREATE TABLE readings (ts bigint PRIMARY KEY)",  # a chunk and an index each
        f"INSERT INTO readings SELECT n * 10 FROM generate_series(1, {chunks}) n",
    )
    told = found(examined(session, interval=10), "lock table")[0]
    assert f"its rows would make {chunks} chunks, which need {2 * chunks} locks" in told.seen
    assert "max_locks_per_transaction" in told.mend
    outcome = session.attempt(block(interval=10))
    assert f"- {told.seen}" in outcome.message
    assert told.mend in outcome.hint
    assert found(examined(session, interval=1000), "lock table") == []


@pytest.mark.parametrize("version", ["2.18.2", "2.19.0"])
def test_a_version_nobody_tried_is_refused(session: Session, version: str) -> None:
    (query,) = [check.query for check in checks() if check.name == "extension"]
    facts = f"SELECT 'public' AS extension_schema, string_to_array({literal(version)}, '.')::int[] AS extension_version"
    seen = session.rows(f"SELECT f.* FROM ({facts}) AS facts, (SELECT 1 AS target) AS asked, LATERAL ({query}) AS f")
    assert len(seen) == (1 if Version.parse(version) < Version(2, 19) else 0)


def test_the_edition_is_told_where_it_leaves_something_out(session: Session, edition: Edition) -> None:
    session.run(TABLE)
    assert len(found(examined(session), "edition")) == (1 if edition is Edition.APACHE else 0)


def test_a_transaction_with_an_old_view_of_the_rows_is_told(session: Session) -> None:
    session.run(
        TABLE, f'ALTER DATABASE "{session.database.url.database}" SET default_transaction_isolation = serializable'
    )
    assert "READ COMMITTED" in found(examined(session), "isolation")[0].seen


def test_a_read_only_server_blocks(session: Session) -> None:
    session.run(TABLE, f'ALTER DATABASE "{session.database.url.database}" SET default_transaction_read_only = on')
    assert found(examined(session), "read only")[0].severity is Severity.BLOCKER


def test_a_publication_of_another_owner_is_told(session: Session, owner: Session) -> None:
    session.run(TABLE, f"ALTER TABLE readings OWNER TO {owner.role}", "CREATE PUBLICATION theirs FOR TABLE readings")
    told = found(examined(owner), "publication rights")[0]
    assert told.severity is Severity.BLOCKER
    assert "the publication theirs" in told.seen


def test_rights_that_an_owner_has_revoked_from_itself_are_told(session: Session, owner: Session) -> None:
    session.run(TABLE, f"ALTER TABLE readings OWNER TO {owner.role}", f"REVOKE TRUNCATE ON readings FROM {owner.role}")
    assert "has no right to TRUNCATE on it" in found(examined(owner), "rights")[0].seen


def test_a_database_without_the_extension_is_a_finding(plain_database: Any) -> None:
    session = Session(plain_database)
    session.run("CREATE TABLE readings (ts timestamptz NOT NULL)")
    report = examined(session)
    assert [finding.check for finding in serious(report)] == ["extension"]
    assert "create_timescaledb_extension" in found(report, "extension")[0].mend
