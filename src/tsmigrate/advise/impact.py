"""What must change in the program before the switch: the linter, told of the hypertables that would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsmigrate.advise.advice import Advice
from tsmigrate.finding import Finding, Severity
from tsmigrate.lint import baseline, settings, violation
from tsmigrate.lint.choice import chosen_rules
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Hypertable, Known, Name
from tsmigrate.lint.learn import live
from tsmigrate.lint.learn.learn import learn
from tsmigrate.lint.run import Job, lint
from tsmigrate.lint.snippet import Judged
from tsmigrate.lint.sources.walk import files
from tsmigrate.lint.target import DEFAULT
from tsmigrate.lint.violation import Violation
from tsmigrate.url import DatabaseUrl


@dataclass(frozen=True)
class Impact:
    """By table what the linter says; and, for all, what it looked at."""

    folder: Path
    of_table: Mapping[int, tuple[Violation, ...]]
    fail_on: violation.Severity  # from which on something must change
    files: int
    statements: int  # that name a table to convert
    unread: tuple[str, ...]  # files, or places in them, that could not be judged

    def must(self, one: Violation) -> bool:
        return one.severity.rank <= self.fail_on.rank

    @property
    def all_that_must(self) -> list[Violation]:
        return [one for found in self.of_table.values() for one in found if self.must(one)]

    def findings(self, table: int) -> list[Finding]:
        return [self._finding(one) for one in self.of_table.get(table, ())]

    def _finding(self, one: Violation) -> Finding:
        severity = Severity.WARNING if self.must(one) else Severity.NOTE
        where = f"{one.file}:{one.line}"
        return Finding(one.rule, severity, f"{where} {one.message}", mend=one.hint)


def impact(
    folder: Path, advices: Sequence[Advice], database: DatabaseUrl, progress: Callable[[str, float | None], None]
) -> Impact:
    """Reads source and the server's catalog, runs nothing."""
    progress("reading the source", None)
    chosen = settings.find(folder if folder.is_dir() else folder.parent)
    found = list(files([folder], chosen.exclude))
    planned = [advice for advice in advices if advice.plan is not None]
    if not planned:
        return Impact(folder, {}, chosen.fail_on, len(found), 0, ())
    start = folder if folder.is_dir() else folder.parent
    known = learn(chosen, [*files(chosen.learn), *found], start, database=database)
    by_name = {_name(advice): advice.table.oid for advice in planned}
    known = replace(known, hypertables={_name(advice): _hypertable(advice, known) for advice in planned})
    engine = Engine(known, chosen.target or live.target(database) or DEFAULT, chosen_rules(chosen))
    total = Judged()
    for number, one in enumerate(lint(Job(engine, require_reason=chosen.require_reason), found)):
        progress("linting the source", number / len(found))
        total.add(one)
    violations = total.violations
    if chosen.baseline is not None:
        violations, _ = baseline.without(chosen.baseline, violations)
    return Impact(
        folder,
        {
            oid: tuple(one for one in violations if Name.parse(one.table) == name or one.table == str(name))
            for name, oid in by_name.items()
        },
        chosen.fail_on,
        total.files or len(found),
        total.hypertable_statements,
        tuple(f"{file}:{line}: {why}" for file, line, why in total.unparsed),
    )


def _name(advice: Advice) -> Name:
    return Name(advice.table.relation.schema, advice.table.relation.name)


def _hypertable(advice: Advice, known: Known) -> Hypertable:
    """As if it came with a revision after all there are: those that were applied before are not judged by it."""
    name, plan = _name(advice), advice.plan
    assert plan is not None  # noqa: S101 - the caller has chosen those with a plan
    columns = known.tables.get(name, {})
    steps = [(step.number, path) for path, step in known.revisions.items() if step.history == "alembic"]
    return Hypertable(
        name,
        plan.column,
        columns.get(plan.column, "timestamptz"),
        tuple(columns),
        source=max(steps)[1] if steps else "the plan",
    )
