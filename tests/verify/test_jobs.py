"""TimescaleDB's background jobs do not run during a rollback test, whoever owns the server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from alembic_project import Project, told
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.finding import Severity
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl, parse
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.rollback import Report, Wanted, run

pytestmark = pytest.mark.edition("community")

READINGS = """
CREATE EXTENSION timescaledb;
CREATE TABLE readings (at timestamptz NOT NULL, value int);
SELECT create_hypertable('readings', 'at')
"""
NO_READINGS = "DROP TABLE readings;\nDROP EXTENSION timescaledb"
ADD = "SELECT add_retention_policy('readings', interval '30 days')"
REMOVE = "SELECT remove_retention_policy('readings')"
WAIT = "SELECT pg_sleep(7)"
LONG_ENOUGH = 90  # seconds; TimescaleDB looks for databases that are new to it once a minute, if not told sooner


@pytest.fixture(scope="module")
def working_server(edition: Edition, own_state: object) -> Iterator[DatabaseUrl]:
    """One whose background workers run, by an ordinary role that may make databases."""
    made = sandbox.up("working", edition=edition, tcp=True)
    with connect.connection(DatabaseUrl(parse(made.url), source="the test")) as connection:
        connection.execute(raw("CREATE ROLE app LOGIN CREATEDB NOINHERIT PASSWORD 'app'"))
        connection.execute(raw("CREATE ROLE keeper LOGIN; GRANT keeper TO app"))
        connection.commit()
    with connect.connection(DatabaseUrl(parse(made.url).set(database="template1"), source="the test")) as connection:
        # The owner of a database may do so by a membership, which a role without INHERIT does not use.
        connection.execute(raw("GRANT CREATE ON SCHEMA public TO PUBLIC"))
        connection.commit()
    url = parse(made.tcp_url).set(username="app", password="app").difference_update_query(["passfile"])
    yield DatabaseUrl(url, source="the test")
    sandbox.down("working")


def rehearse(project: Project, server: DatabaseUrl) -> Report:
    return run(Wanted(ini=project.ini, server=server, rows=5, crash=Crash.NONE))


@pytest.fixture
def readings(project: Project) -> Project:
    project.revision("a1", READINGS, NO_READINGS)
    return project


def test_the_server_of_these_tests_runs_jobs(working_server: DatabaseUrl) -> None:
    """Without it the others would prove nothing."""
    with connect.connection(working_server, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw("CREATE DATABASE left_alone"))
    database = DatabaseUrl(working_server.url.set(database="left_alone"), source="the test")
    with connect.connection(database, isolation_level="AUTOCOMMIT") as connection:
        for statement in (*READINGS.split(";\n"), "INSERT INTO readings VALUES ('2025-01-06')", ADD):
            connection.execute(raw(statement))
        end = time.monotonic() + LONG_ENOUGH
        while connection.execute(raw("SELECT count(*) FROM readings")).scalar_one():
            assert time.monotonic() < end, "the retention policy did not run"
            time.sleep(0.2)


def test_retention_policies_drop_no_row_between_two_looks(readings: Project, working_server: DatabaseUrl) -> None:
    """Neither one that is added in a transaction nor one that is committed by itself."""
    readings.revision("b2", ADD, REMOVE, after="a1")
    others = "CREATE TABLE others (at timestamptz NOT NULL);\nSELECT create_hypertable('others', 'at')"
    readings.revision("c3", others, "DROP TABLE others", after="b2")
    up = f"""
    with op.get_context().autocommit_block():
        op.execute("{ADD.replace("readings", "others")}")
    """
    readings.revision("d4", up, f"{WAIT};\n{REMOVE.replace('readings', 'others')}", after="c3")
    report = rehearse(readings, working_server)
    assert {finding.check for finding in report.findings} == {"a1", "b2", "c3", "d4", "base"}
    assert {finding.severity for finding in report.findings} == {Severity.OK}, report.findings


def test_a_job_that_the_role_may_not_hold_back_is_named(readings: Project, working_server: DatabaseUrl) -> None:
    add = """
    CREATE PROCEDURE tidy(job_id int, config jsonb) LANGUAGE plpgsql AS 'BEGIN END';
    SET LOCAL ROLE keeper;
    SELECT add_job('tidy', '1 day');
    RESET ROLE
    """
    remove = """
    SET LOCAL ROLE keeper;
    SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE proc_name = 'tidy';
    RESET ROLE;
    DROP PROCEDURE tidy
    """
    readings.revision("b2", add, remove, after="a1")
    report = rehearse(readings, working_server)
    (note,) = told(report, Severity.NOTE)
    assert note.check == "b2"
    assert note.seen == "background jobs could not be held back: 1000 (User-Defined Action)"
    assert report.differences == ()
