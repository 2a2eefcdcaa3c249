"""End a revision's connection at its statements: its schema must be as before or complete, and a rerun finish it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import contents, told
from tsmigrate.verify.contents import Contents
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.job import Ending, Revision
from tsmigrate.verify.observer import Observer


class Crash(StrEnum):
    NONE = "none"
    SAMPLE = "sample"  # the first, the middle and the last statement
    ALL = "all"


def points(wanted: Crash, statements: int) -> list[int]:
    if wanted is Crash.NONE or not statements:
        return []
    return list(range(1, statements + 1)) if wanted is Crash.ALL else sorted({1, (statements + 1) // 2, statements})


@dataclass(frozen=True)
class CrashTest:
    """Of one revision, which is applied at the beginning and, where no finding says otherwise, at the end."""

    environment: Environment
    observer: Observer
    revision: Revision
    before: Snapshot  # without the revision
    after: Snapshot  # with it
    rows: Contents  # with it, by the columns that both schemas have
    statements: int

    def run(self, at: list[int]) -> Iterator[Finding]:
        """A point that leaves the database as it was is the beginning of the next: the last rerun is of them all."""
        for point in at:
            if self.observer.is_applied(self.revision):
                yield from self._take_back()
            yield from self._cut_off(point)
        if not self.observer.is_applied(self.revision):
            yield from self._rerun(f"cut off after statement {at[-1]} of {self.statements}")

    def _take_back(self) -> Iterator[Finding]:
        outcome = self.environment.downgrade(self.revision)
        if outcome.ending is not Ending.DONE:
            yield told.failed(self.revision, "the second downgrade", outcome.message)

    def _cut_off(self, point: int) -> Iterator[Finding]:
        where = f"cut off after statement {point} of {self.statements}"
        columns = self.observer.columns()
        rows = self.observer.contents(columns)
        self.environment.upgrade(self.revision, crash_after=point)
        schema = self.observer.schema()
        left = "schema" if schema not in {self.before, self.after} else ""
        if schema == self.before and not self.observer.is_applied(self.revision):
            if not list(contents.row_differences(rows, self.observer.contents(columns))):
                return
            left = "table"
        failures = list(self._rerun(where))
        if not failures and left:
            failures += self._rows_after_rerun(where)
        if not failures and left:
            what = f"{where}, the upgrade leaves a half-done {left}; a rerun finishes it"
            yield Finding(str(self.revision), Severity.NOTE, what)
        yield from failures

    def _rows_after_rerun(self, where: str) -> Iterator[Finding]:
        """A rerun must not do a second time what was done before the cut."""
        if lines := list(contents.row_differences(self.rows, self.observer.contents(self.rows.columns))):
            yield told.rows_differ(self.revision, f"{where} and run again, the upgrade gives other rows", lines)

    def _rerun(self, where: str) -> Iterator[Finding]:
        outcome = self.environment.upgrade(self.revision)
        if outcome.ending is not Ending.DONE:
            yield told.failed(
                self.revision,
                f"{where}, a rerun of the upgrade",
                outcome.message,
                mend="make each statement outside a transaction repeatable, alone in its revision",
            )
            return
        what = f"{where} and run again, the upgrade gives another schema"
        if found := told.schema_differs(str(self.revision), what, self.after, self.observer.schema()):
            yield found
