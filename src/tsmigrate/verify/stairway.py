"""One revision: up, down, up again, and cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import contents, told
from tsmigrate.verify.crash_points import Crash, CrashTest, points
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.job import Ending, Outcome, Revision
from tsmigrate.verify.observer import Observer
from tsmigrate.verify.writer import Writer


class Stuck(Exception):  # noqa: N818 - not an error: the walk ends here, and the findings say why
    """The revision is neither applied nor taken back as it should be: nothing later can be judged."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.seen)
        self.finding = finding


@dataclass
class Step:
    """What became of a revision."""

    revision: Revision
    before: Snapshot
    after: Snapshot | None = None
    comes_back: bool = True  # False: its downgrade does not run


@dataclass(frozen=True)
class Stairway:
    environment: Environment
    observer: Observer
    writer: Writer
    crash: Crash

    def apply(self, step: Step) -> None:
        """Up only: a revision outside --from and --to."""
        self._up(step.revision, "the upgrade")
        step.after = self.observer.schema()
        self.writer.write(step.revision)

    def test(self, step: Step) -> Iterator[Finding]:
        """The findings about this revision; `step` is told how it ended."""
        revision = step.revision
        columns = self.observer.columns()
        outcome = self._up(revision, "the upgrade")
        step.after = after = self.observer.schema()
        self.writer.write(revision)
        if jobs := self.observer.jobs_not_held():
            yield told.jobs_not_held(revision, jobs)
        if revision.irreversible:
            step.comes_back = False
            yield told.irreversible(revision, revision.irreversible)
            return
        found = list(self._down(step, after, contents.common(columns, self.observer.columns())))
        yield from found
        if not step.comes_back:
            return
        found += (again := list(self._up_again(step, after, exact=not found)))
        yield from again
        crashes = points(self.crash, outcome.statements) if not found else []
        if crashes:
            rows = self.observer.contents(contents.common(columns, self.observer.columns()))
            test = CrashTest(
                self.environment, self.observer, revision, step.before, step.after, rows, outcome.statements
            )
            for finding in test.run(crashes):
                if finding.severity is Severity.WARNING:
                    raise Stuck(finding)
                yield finding
        self.writer.replace_lost(revision)
        if not found:
            yield told.fine(revision, len(crashes))

    def _up(self, revision: Revision, what: str) -> Outcome:
        outcome = self.environment.upgrade(revision)
        if outcome.ending is not Ending.DONE:
            raise Stuck(told.failed(revision, what, outcome.message))
        if not self.observer.is_applied(revision):
            raise BlockedError(
                f"env.py ran revision {revision}, and the scratch database does not have it: it was not committed",
                mend="run migrations in env.py inside `with context.begin_transaction():`",
            )
        return outcome

    def _down(self, step: Step, after: Snapshot, columns: contents.Columns) -> Iterator[Finding]:
        revision = step.revision
        full = self.observer.contents(columns)
        outcome = self.environment.downgrade(revision)
        if outcome.ending is not Ending.DONE:
            yield from self._not_taken_back(step, after, outcome)
            return
        what = "the downgrade does not restore"
        if found := told.schema_differs(str(revision), what, step.before, self.observer.schema()):
            yield found
        left = self.observer.contents(contents.common(columns, self.observer.columns()))
        if lines := list(contents.differences(full, left)):
            yield told.rows_differ(revision, "the downgrade changes rows or sequences", lines)

    def _not_taken_back(self, step: Step, after: Snapshot, outcome: Outcome) -> Iterator[Finding]:
        step.comes_back = False
        if outcome.ending is Ending.IRREVERSIBLE:
            yield told.irreversible(step.revision, outcome.message)
        else:
            yield told.failed(step.revision, "the downgrade", outcome.message)
        what = "the downgrade that did not run to its end leaves a half-done schema"
        if found := told.schema_differs(str(step.revision), what, after, self.observer.schema()):
            raise Stuck(found)

    def _up_again(self, step: Step, after: Snapshot, *, exact: bool) -> Iterator[Finding]:
        """After a downgrade that was not exact, another schema follows from it and is not told a second time."""
        self._up(step.revision, "after the downgrade, the upgrade")
        step.after = self.observer.schema()
        what = "upgraded again, the schema differs"
        found = told.schema_differs(str(step.revision), what, after, step.after)
        if exact and found:
            yield found
