"""A good environment passes; whatever a downgrade loses is found and named with its revision."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alembic_project import GOOD_ENV, Project, Rehearse, told
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Severity

READINGS = """
CREATE TABLE readings (id serial PRIMARY KEY, sensor int NOT NULL, at timestamptz NOT NULL, note text);
CREATE INDEX readings_sensor ON readings (sensor);
COMMENT ON COLUMN readings.note IS 'by hand';
GRANT SELECT ON readings TO PUBLIC;
"""


@pytest.fixture
def readings(project: Project) -> Project:
    project.revision("a1", READINGS, "DROP TABLE readings")
    return project


def test_an_environment_whose_downgrades_are_exact_passes(readings: Project, rehearse: Rehearse) -> None:
    readings.revision("b2", "ALTER TABLE readings ADD unit text", "ALTER TABLE readings DROP unit", after="a1")
    report = rehearse()
    assert report.differences == ()
    assert (report.exit_code, report.revisions) == (0, 2)
    assert [finding.check for finding in report.findings] == ["a1", "b2", "base"]
    assert {finding.severity for finding in report.findings} == {Severity.OK}


def test_what_the_downgrade_does_not_give_back_is_named(readings: Project, rehearse: Rehearse) -> None:
    """Each loss in a revision of its own, and none is told of another's."""
    steps = {
        "row": ("SELECT 1", "DELETE FROM readings WHERE id = 3"),
        "value": ("SELECT 1", "UPDATE readings SET note = 'lost' WHERE id = 4"),
        "index": ("DROP INDEX IF EXISTS readings_sensor", "SELECT 1"),
        "not_null": ("ALTER TABLE readings ALTER sensor DROP NOT NULL", "SELECT 1"),
        "comment": ("COMMENT ON COLUMN readings.note IS NULL", "SELECT 1"),
        "grant": ("REVOKE SELECT ON readings FROM PUBLIC", "SELECT 1"),
        "only_before": ("ALTER TABLE readings DROP note", "ALTER TABLE readings ADD note text"),
        "only_after": ("ALTER TABLE readings ADD unit text", "ALTER TABLE readings DROP unit"),
        "sequence": ("SELECT 1", "ALTER SEQUENCE readings_id_seq RESTART"),
    }
    after = "a1"
    for name, (up, down) in steps.items():
        readings.revision(name, up, down, after=after)
        after = name
    found = {finding.check: finding for finding in rehearse().differences}
    assert list(found) == [name for name in steps if not name.startswith("only_")]
    schema = {
        "index": "INDEX public.readings_sensor",
        "not_null": "TABLE public.readings",
        "comment": "COMMENT public.COLUMN readings.note",
        "grant": "ACL public.TABLE readings",
    }
    for name, what in schema.items():
        assert found[name].seen == f"the downgrade does not restore: {what}"
        assert f"@@ {what} @@" in found[name].why
    assert found["row"].why == 'table "public"."readings": 10 rows before, 9 after'
    rows = 'table "public"."readings": 14 rows before and after, and other values in them'
    assert found["value"].why == rows
    assert re.fullmatch(r'sequence "public"."readings_id_seq": after \d+ before, at 1 after', found["sequence"].why)


def test_what_stays_at_base_is_found(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int);\nCREATE TYPE kind AS ENUM ('x')", "DROP TABLE t")
    findings = rehearse().differences
    assert "TYPE public.kind" in findings[0].seen
    assert "already exists" in findings[1].why  # and so the upgrade cannot run again


def test_a_downgrade_that_fails_is_found_and_the_walk_goes_on(readings: Project, rehearse: Rehearse) -> None:
    readings.revision("b2", "CREATE TABLE t (a int)", "DROP TABLE no_such_table", after="a1")
    readings.revision("c3", "CREATE TABLE u (a int)", "DROP TABLE u", after="b2")
    report = rehearse()
    (finding,) = report.differences
    assert (finding.check, finding.seen) == ("b2", "the downgrade fails")
    assert "no_such_table" in finding.why
    assert [each.check for each in told(report, Severity.OK)] == ["a1", "c3", "base"]


def test_an_upgrade_that_fails_ends_the_test(readings: Project, rehearse: Rehearse) -> None:
    readings.revision("b2", "CREATE TABLE readings (a int)", "", after="a1")
    report = rehearse()
    (finding,) = report.differences
    assert (finding.check, finding.seen) == ("b2", "the upgrade fails")
    assert "already exists" in finding.why
    assert "the way back to base not tested" in report.findings[-1].seen


def test_an_env_py_that_does_not_commit_is_refused(readings: Project, rehearse: Rehearse) -> None:
    text = (readings.folder / "migrations" / "env.py").read_text()
    text = text.replace("context.run_migrations()", "context.run_migrations()\n        connection.rollback()")
    (readings.folder / "migrations" / "env.py").write_text(text.replace("transaction_per_migration=True", ""))
    with pytest.raises(BlockedError, match="was not committed"):
        rehearse()


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_may_be_empty_or_hold_one_row(readings: Project, rehearse: Rehearse, rows: int) -> None:
    assert rehearse(rows=rows).exit_code == 0


def test_from_and_to_choose_what_is_tested(readings: Project, rehearse: Rehearse) -> None:
    for name, after in (("b2", "a1"), ("c3", "b2"), ("d4", "c3")):
        readings.revision(name, f"CREATE TABLE {name} (a int)", f"DROP TABLE {name}", after=after)
    report = rehearse(first="b2", last="c3")
    assert report.revisions == 2
    assert [finding.check for finding in report.findings] == ["b2", "c3", "base"]


def test_hypertables_are_compared_too(readings: Project, rehearse: Rehearse) -> None:
    """The downgrade makes a plain table of it, with all but the setting of the table that was there before."""
    up = """
    ALTER TABLE readings DROP CONSTRAINT readings_pkey;
    CREATE EXTENSION timescaledb;
    SELECT create_hypertable('readings', 'at', migrate_data => true)
    """
    down = """
    CREATE TABLE plain (LIKE readings INCLUDING ALL);
    INSERT INTO plain SELECT * FROM readings;
    DROP TABLE readings CASCADE;
    ALTER TABLE plain RENAME TO readings;
    DROP EXTENSION timescaledb
    """
    readings.revision("b2", up, down, after="a1")
    (first, *_) = rehearse().differences
    assert first.check == "b2"
    assert "readings_pkey" in first.why


def test_what_env_py_leaves_for_the_end_is_done(project: Project, rehearse: Rehearse, tmp_path: Path) -> None:
    at_exit, by_thread = tmp_path / "at_exit", tmp_path / "by_thread"
    later = f"""
import atexit
import threading
from pathlib import Path

atexit.register(Path({str(at_exit)!r}).touch)
threading.Timer(0.3, Path({str(by_thread)!r}).touch).start()
"""
    project.env(text=GOOD_ENV + later)
    assert rehearse().differences == ()
    assert (at_exit.exists(), by_thread.exists()) == (True, True)
