"""From a database and a plan to the revisions and to what stands in their way. Nothing is written yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from tsmigrate.advise.advice import advise_as_asked
from tsmigrate.advise.evidence import Evidence
from tsmigrate.advise.gather import gather
from tsmigrate.advise.generate.check import check
from tsmigrate.advise.generate.definitions import define
from tsmigrate.advise.generate.files import Project
from tsmigrate.advise.generate.obstacles import Situation, obstacles
from tsmigrate.advise.generate.reasons import Reasons
from tsmigrate.advise.generate.revision import Revision
from tsmigrate.advise.generate.revisions import Writer
from tsmigrate.advise.names import shown
from tsmigrate.advise.plan.plan import Plan
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import literal, raw

Planned = Callable[[Evidence], Plan]


@dataclass(frozen=True)
class Prepared:
    findings: tuple[Finding, ...]
    revisions: tuple[Revision, ...]

    @property
    def blocked(self) -> bool:
        return any(each.severity is Severity.BLOCKER for each in self.findings)


def prepare(
    connection: Connection, project: Project, ini: Path | None, planned: Planned, tell: Callable[[str], None]
) -> Prepared:
    evidence = gather(connection, tell)
    whole = planned(evidence)
    plan, done = _still_to_do(connection, whole, evidence)
    check(connection, plan, evidence)
    asked = {
        table.oid: each.column
        for each in plan.tables
        for table in evidence.tables.values()
        if table.relation == each.relation
    }
    advices = advise_as_asked(evidence, asked)
    definitions = define(connection, asked)
    connection.rollback()
    found = obstacles(connection, Situation(project, ini, plan, evidence, definitions), tell)
    writer = Writer(
        plan,
        evidence,
        definitions,
        Reasons(plan, {each.table.relation: each for each in advices}),
        extension=bool(plan.tables) and not project.creates_extension,
    )
    return Prepared((*found, *done), tuple(writer.revisions()))


def _still_to_do(connection: Connection, plan: Plan, evidence: Evidence) -> tuple[Plan, list[Finding]]:
    """A plan that was carried out is no mistake: what is there already is left out, and said."""
    hypertables = {
        evidence.tables[oid].relation: each for oid, each in evidence.hypertables.items() if oid in evidence.tables
    }
    found = []
    for table in plan.tables:
        there = hypertables.get(table.relation)
        if there is None:
            continue
        name = shown(table.relation)
        said = f"{name} is a hypertable already, by {there.column} in chunks of {there.interval}"
        if there.column == table.column:
            found.append(Finding("converted", Severity.NOTE, f"{said}: it is left out"))
        else:
            why = f"the plan says {table.column}"
            mend = "take it out of the plan, or revert it first: op.revert_hypertable"
            found.append(Finding("converted", Severity.WARNING, said, why=why, mend=mend))
    aggregates = []
    for each in plan.aggregates:
        if connection.execute(raw(f"SELECT to_regclass({literal(str(each.relation))})")).scalar_one() is None:
            aggregates.append(each)
        else:
            found.append(
                Finding("converted", Severity.NOTE, f"{shown(each.relation)} is there already: it is left out")
            )
    if not found:
        return plan, []
    tables = tuple(table for table in plan.tables if table.relation not in hypertables)
    there_still = {
        (evidence.tables[key.child].relation, key.name)
        for key in evidence.foreign_keys
        if any(evidence.tables[key.parent].relation == table.relation for table in tables)
    }
    keys = tuple(key for key in plan.foreign_keys if (key.table, key.name) in there_still)
    return replace(plan, tables=tables, foreign_keys=keys, aggregates=tuple(aggregates)), found
