"""An upgrade cut off at a statement leaves the schema as before, or a rerun finishes it."""

from __future__ import annotations

import pytest

from alembic_project import Project, Rehearse, told
from tsmigrate.finding import Severity
from tsmigrate.verify.crash_points import Crash, points

THREE_TABLES = ";\n".join(f"CREATE TABLE t{number} (a int)" for number in range(3))
DROPPED = ";\n".join(f"DROP TABLE t{number}" for number in range(3))
HALVES = """
with op.get_context().autocommit_block():
    op.execute("CREATE TABLE {exists} t (a int)")
op.execute("CREATE TABLE u (a int)")
"""
FINISHED_BY_HAND = "DROP TABLE u;\nDROP TABLE t"


@pytest.mark.parametrize(("crash", "times"), [(Crash.SAMPLE, 3), (Crash.ALL, 3), (Crash.NONE, 0)])
def test_a_revision_in_one_transaction_passes(project: Project, rehearse: Rehearse, crash: Crash, times: int) -> None:
    project.revision("a1", THREE_TABLES, DROPPED)
    report = rehearse(crash=crash)
    assert report.differences == ()
    assert (f"cut off {times} times" in report.findings[0].seen) == bool(times)


def test_a_half_done_revision_that_cannot_run_again_is_found(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", HALVES.format(exists=""), FINISHED_BY_HAND)
    assert rehearse(crash=Crash.NONE).differences == ()
    (finding,) = rehearse(crash=Crash.SAMPLE).differences
    assert finding.check == "a1"
    assert finding.seen == "cut off after statement 1 of 2, a rerun of the upgrade fails"
    assert "already exists" in finding.why


def test_a_half_done_revision_that_a_rerun_finishes_is_noted(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", HALVES.format(exists="IF NOT EXISTS"), FINISHED_BY_HAND)
    report = rehearse(crash=Crash.ALL)
    assert report.differences == ()
    assert {note.seen for note in told(report, Severity.NOTE)} == {
        f"cut off after statement {number} of 2, the upgrade leaves a half-done schema; a rerun finishes it"
        for number in (1, 2)
    }


def test_a_rerun_that_gives_another_schema_is_found(project: Project, rehearse: Rehearse) -> None:
    up = """
    with op.get_context().autocommit_block():
        if op.get_bind().exec_driver_sql("SELECT to_regclass('t') IS NULL").scalar():
            op.execute("CREATE TABLE t (a int)")
            op.execute("CREATE INDEX t_a ON t (a)")
    """
    project.revision("a1", up, "DROP TABLE t")
    (finding,) = rehearse(crash=Crash.ALL).differences
    assert (
        finding.seen
        == "cut off after statement 2 of 3 and run again, the upgrade gives another schema: INDEX public.t_a"
    )


def test_the_sample_is_the_first_the_middle_and_the_last_statement() -> None:
    assert points(Crash.SAMPLE, 9) == [1, 5, 9]
    assert points(Crash.SAMPLE, 2) == [1, 2]
    assert points(Crash.SAMPLE, 0) == points(Crash.NONE, 9) == []
    assert points(Crash.ALL, 3) == [1, 2, 3]


def test_rows_that_a_rerun_changes_a_second_time_are_found(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    up = """
    with op.get_context().autocommit_block():
        op.execute("UPDATE t SET a = a + 1")
        op.execute("SELECT 1")
    """
    project.revision("b2", up, "UPDATE t SET a = a", after="a1")
    (finding,) = rehearse(crash=Crash.ALL).differences
    assert finding.seen == "cut off after statement 1 of 2 and run again, the upgrade gives other rows"


COMMITS_INSIDE = """
with op.get_context().autocommit_block():
    op.execute('''
    DO $$ BEGIN
      WHILE EXISTS (SELECT FROM t WHERE filled IS NULL) LOOP
        UPDATE t SET filled = 1 WHERE ctid IN (SELECT ctid FROM t WHERE filled IS NULL LIMIT 2);
        COMMIT;
      END LOOP;
    END $$
    ''')
    op.execute("SELECT 1")
"""


def test_a_block_that_commits_inside_is_finished_by_a_rerun(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int NOT NULL, filled int)", "DROP TABLE t")
    project.revision("b2", COMMITS_INSIDE, "", after="a1")
    report = rehearse(crash=Crash.ALL)
    assert report.differences == ()


def test_an_index_that_is_built_concurrently_passes(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    up = """
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS t_a")
        op.execute("CREATE INDEX CONCURRENTLY t_a ON t (a)")
    """
    down = """
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS t_a")
    """
    project.revision("b2", up, down, after="a1")
    report = rehearse(crash=Crash.ALL)
    assert report.differences == ()
    assert [finding.check for finding in told(report, Severity.OK)] == ["a1", "b2", "base"]
