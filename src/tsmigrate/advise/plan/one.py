"""The plan for one table that somebody named, with the column that they named."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tsmigrate.advise.advice import advise_as_asked
from tsmigrate.advise.evidence import Evidence
from tsmigrate.advise.plan.draft import draft
from tsmigrate.advise.plan.plan import Method, Plan, TablePlan
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.preflight.subject import USUAL_INTERVAL
from tsmigrate.errors import UsageError

_SOURCE = "tsmigrate generate"


@dataclass(frozen=True)
class OneTable:
    table: str
    time: str
    schema: str | None = None
    interval: str | None = None  # None, and what follows likewise: as it is advised
    method: Method | None = None
    columnstore: bool = True
    memory: int | None = None

    def plan(self, evidence: Evidence) -> Plan:
        relation = self._relation(evidence)
        oid = next((oid for oid, each in evidence.tables.items() if each.relation == relation), None)
        if oid is None:  # which is told when the plan is held against the database
            return Plan((TablePlan(relation, self.time, USUAL_INTERVAL),), source=_SOURCE)
        made = draft(advise_as_asked(evidence, {oid: self.time}, self.memory), evidence)
        return replace(made, tables=tuple(map(self._as_asked, made.tables)), source=_SOURCE)

    def _as_asked(self, table: TablePlan) -> TablePlan:
        interval = table.interval
        if self.interval:
            interval = int(self.interval) if re.fullmatch(r"\d+", self.interval) else self.interval
        return replace(
            table,
            interval=interval,
            method=self.method or table.method,
            columnstore=table.columnstore if self.columnstore else None,
        )

    def _relation(self, evidence: Evidence) -> Relation:
        if self.schema:
            return Relation(self.schema, self.table)
        schemas = [each.relation.schema for each in evidence.tables.values() if each.relation.name == self.table]
        if len(schemas) > 1:
            raise UsageError(
                f"there is a table {self.table} in {', '.join(schemas)}", mend="name the schema of yours: --schema"
            )
        return Relation(schemas[0] if schemas else "public", self.table)
