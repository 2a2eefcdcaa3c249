"""End a revision's connection at its statements: its schema must be as before or complete, and a rerun finish it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import contents, told
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
        if schema == self.before and not self.observer.is_applied(self.revision):
            lines = list(contents.row_differences(rows, self.observer.contents(columns)))
            if lines:
                yield told.rows_differ(self.revision, f"{where}, the upgrade leaves other rows than before it", lines)
            return
        failures = list(self._rerun(where))
        if not failures and schema not in {self.before, self.after}:
            yield Finding(
                str(self.revision),
                Severity.NOTE,
                f"{where}, the upgrade leaves a half-done schema; a rerun finishes it",
            )
        yield from failures

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
