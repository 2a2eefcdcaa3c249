"""All revisions in order, then back to base in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tsmigrate.apt import Progress
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import told
from tsmigrate.verify.job import Ending, Revision
from tsmigrate.verify.stairway import Stairway, Step, Stuck


@dataclass
class Walk:
    stairway: Stairway
    revisions: Sequence[Revision]
    progress: Progress
    steps: list[Step] = field(default_factory=list)  # those whose upgrade ran

    def run(self) -> Iterator[Finding]:
        empty = self.stairway.observer.schema()
        schema = empty
        for number, revision in enumerate(self.revisions, start=1):
            self.progress(f"revision {revision} ({number} of {len(self.revisions)})", None)
            step = Step(revision, before=schema)
            try:
                if revision.tested:
                    yield from self.stairway.test(step)
                else:
                    self.stairway.apply(step)
            except Stuck as stuck:
                yield stuck.finding
                yield _stopped(revision, self.revisions[number:])
                return
            self.steps.append(step)
            schema = step.after or schema
        yield from self._to_base(empty)

    def _to_base(self, empty: Snapshot) -> Iterator[Finding]:
        kept = self._kept()
        if len(kept) == len(self.steps):
            return
        self.progress("back to base in one go", None)
        keep = [step.revision for step in self.steps if step.revision.id in kept]
        outcome = self.stairway.environment.downgrade_to_base(keep=keep)
        goal = f"as far as {', '.join(map(str, keep))}" if keep else "to base"
        if outcome.ending is not Ending.DONE:
            yield Finding("base", Severity.WARNING, f"the downgrade {goal} in one go fails", why=outcome.message)
            return
        schema = self.stairway.observer.schema()
        wanted = self._schema_with(kept, empty)
        if wanted is None:
            yield Finding("base", Severity.NOTE, f"the downgrade {goal} in one go runs; no schema to compare it with")
        elif found := told.schema_differs("base", f"the downgrade {goal} in one go leaves", wanted, schema):
            yield found
        else:
            equal = "the schema is that before it" if keep else "byte for byte the empty database"
            yield Finding("base", Severity.OK, f"the downgrade {goal} in one go: {equal}")

    def _kept(self) -> set[str]:
        """What cannot be taken back, and all that such a revision builds on."""
        kept: set[str] = set()
        for step in reversed(self.steps):
            if step.revision.id in kept or not step.comes_back:
                kept |= {step.revision.id, *step.revision.needs}
        return kept

    def _schema_with(self, kept: set[str], empty: Snapshot) -> Snapshot | None:
        """The schema when exactly these were applied. None: the walk never stood there, as branches go."""
        if not kept:
            return empty
        first = self.steps[: len(kept)]
        return first[-1].after if {step.revision.id for step in first} == kept else None


def _stopped(revision: Revision, left: Sequence[Revision]) -> Finding:
    untested = f"{', '.join(map(str, left))} and the way back to base" if left else "the way back to base"
    return Finding(str(revision), Severity.NOTE, f"the test ends here: {untested} not tested")
