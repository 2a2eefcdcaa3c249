"""All revisions in order, then back to the beginning in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tsmigrate.apt import Progress
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import contents, told
from tsmigrate.verify.job import Ending, Revision
from tsmigrate.verify.stairway import Stairway, Step, Stuck


@dataclass(frozen=True)
class Beginning:
    """What the walk comes back to."""

    name: str = "base"
    way: str = "to base"
    equal: str = "byte for byte the empty database"
    applied: Sequence[Revision] = ()  # which stay


@dataclass
class Walk:
    stairway: Stairway
    revisions: Sequence[Revision]
    progress: Progress
    beginning: Beginning = field(default_factory=Beginning)
    steps: list[Step] = field(default_factory=list)  # those whose upgrade ran

    def run(self) -> Iterator[Finding]:
        first = self.stairway.observer.schema()
        columns = self.stairway.observer.columns()
        schema = first
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
                yield self._stopped(revision, self.revisions[number:])
                return
            self.steps.append(step)
            schema = step.after or schema
        yield from self._back(first, columns)

    def _back(self, first: Snapshot, columns: contents.Columns) -> Iterator[Finding]:
        """To the beginning, whose schema and columns these are."""
        kept = self._kept()
        if len(kept) == len(self.steps):
            return
        name, way, observer = self.beginning.name, self.beginning.way, self.stairway.observer
        self.progress(f"back {way} in one go", None)
        keep = [step.revision for step in self.steps if step.revision.id in kept]
        rows = observer.contents(contents.common(columns, observer.columns()))
        outcome = self.stairway.environment.downgrade_to_base(keep=[*self.beginning.applied, *keep])
        goal = f"as far as {', '.join(map(str, keep))}" if keep else way
        if outcome.ending is not Ending.DONE:
            yield Finding(name, Severity.WARNING, f"the downgrade {goal} in one go fails", why=outcome.message)
            return
        if lines := self._lost(rows):
            yield Finding(
                name,
                Severity.WARNING,
                f"the downgrade {goal} in one go changes rows or sequences",
                why="\n".join(lines),
            )
        schema = observer.schema()
        wanted = self._schema_with(kept, first)
        if wanted is None:
            yield Finding(name, Severity.NOTE, f"the downgrade {goal} in one go runs; no schema to compare it with")
        elif found := told.schema_differs(name, f"the downgrade {goal} in one go leaves", wanted, schema):
            yield found
        else:
            equal = "the schema is that before it" if keep else self.beginning.equal
            yield Finding(name, Severity.OK, f"the downgrade {goal} in one go: {equal}")

    def _lost(self, rows: contents.Contents) -> list[str]:
        """What changed of the rows of tables that were there at the beginning."""
        observer = self.stairway.observer
        left = observer.contents(contents.common(rows.columns, observer.columns()))
        return list(contents.differences(rows, left)) if rows.columns else []

    def _kept(self) -> set[str]:
        """What cannot be taken back, and all that such a revision builds on."""
        kept: set[str] = set()
        for step in reversed(self.steps):
            if step.revision.id in kept or not step.comes_back:
                kept |= {step.revision.id, *step.revision.needs}
        return kept

    def _schema_with(self, kept: set[str], beginning: Snapshot) -> Snapshot | None:
        """The schema when exactly these were applied. None: the walk never stood there, as branches go."""
        if not kept:
            return beginning
        first = self.steps[: len(kept)]
        return first[-1].after if {step.revision.id for step in first} == kept else None

    def _stopped(self, revision: Revision, left: Sequence[Revision]) -> Finding:
        way = f"the way back {self.beginning.way}"
        untested = f"{', '.join(map(str, left))} and {way}" if left else way
        return Finding(str(revision), Severity.NOTE, f"the test ends here: {untested} not tested")
