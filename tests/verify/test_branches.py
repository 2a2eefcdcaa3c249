"""Histories with branches, labels, dependencies and merges are walked one revision at a time."""

from __future__ import annotations

from alembic_project import Project, Rehearse, told
from tsmigrate.finding import Severity


def table(name: str) -> tuple[str, str]:
    return f"CREATE TABLE {name} (a int NOT NULL);", f"DROP TABLE {name}"


def branched(project: Project) -> None:
    """pre is a1 and a2, post is b1 and b2; b2 depends on a1, and m merges both."""
    project.revision("a1", *table("a1"), extra="branch_labels = ('pre',)")
    project.revision("a2", *table("a2"), after="a1")
    project.revision("b1", *table("b1"), extra="branch_labels = ('post',)")
    project.revision("b2", *table("b2"), after="b1", depends_on="a1")


def test_two_heads_with_labels_and_a_dependency_pass(project: Project, rehearse: Rehearse) -> None:
    branched(project)
    report = rehearse()
    assert report.differences == ()
    assert {finding.check for finding in told(report, Severity.OK)} == {"a1", "a2", "b1", "b2", "base"}


def test_a_merge_point_passes(project: Project, rehearse: Rehearse) -> None:
    branched(project)
    project.revision("m1", "", "", after=("a2", "b2"))
    project.revision("m2", *table("m2"), after="m1")
    report = rehearse()
    assert report.differences == ()
    assert report.revisions == 6


def test_a_dependency_on_a_label_passes(project: Project, rehearse: Rehearse) -> None:
    branched(project)
    project.revision("c1", *table("c1"), depends_on="pre")
    assert rehearse().differences == ()


def test_a_difference_in_one_branch_is_named_with_its_revision(project: Project, rehearse: Rehearse) -> None:
    branched(project)
    project.revision("b3", "ALTER TABLE b1 ALTER a DROP NOT NULL", "SELECT 1", after="b2")
    (finding,) = rehearse().differences
    assert finding.check == "b3"
    assert "TABLE public.b1" in finding.seen


def test_one_branch_can_be_tested_by_its_label(project: Project, rehearse: Rehearse) -> None:
    branched(project)
    assert {finding.check for finding in rehearse(last="pre@head").findings} == {"a1", "a2", "base"}
    assert {finding.check for finding in rehearse(last="post@head").findings} == {"a1", "b1", "b2", "base"}


def test_an_irreversible_revision_is_listed_and_kept_at_the_end(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", *table("a1"))
    project.revision("b2", *table("b2")[:1], None, after="a1")
    project.revision("c3", *table("c3"), after="b2")
    report = rehearse()
    assert report.differences == ()
    (note,) = told(report, Severity.NOTE)
    assert (note.check, note.seen) == ("b2", "is irreversible: there is no way back")
    assert report.findings[-1].seen == "the downgrade as far as a1, b2 in one go: the schema is that before it"


def test_a_revision_says_that_it_is_irreversible_and_why(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "SELECT 1/0", extra="irreversible = 'old rows are gone'")
    (note,) = told(rehearse(), Severity.NOTE)
    assert (note.check, note.seen) == ("a1", "is irreversible: old rows are gone")


def test_an_irreversible_branch_does_not_hold_the_other(project: Project, rehearse: Rehearse) -> None:
    branched(project)
    project.revision("b3", *table("b3")[:1], None, after="b2")
    report = rehearse()
    assert report.differences == ()
    assert "the downgrade as far as" in report.findings[-1].seen


def test_an_environment_without_revisions_has_no_difference(rehearse: Rehearse) -> None:
    assert rehearse().exit_code == 0
