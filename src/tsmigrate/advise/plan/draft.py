"""The plan that follows from the advice. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmigrate.advise import advice
from tsmigrate.advise.advice import Advice
from tsmigrate.advise.evidence import TICKS, Evidence, Index, Table
from tsmigrate.advise.judge.relatives import Fate as Judged
from tsmigrate.advise.judge.words import DAY
from tsmigrate.advise.plan.plan import (
    Columnstore,
    CopiedTime,
    Fate,
    ForeignKeyPlan,
    Method,
    Plan,
    TablePlan,
    UniqueFate,
)
from tsmigrate.capability import REQUIREMENTS, Timescale
from tsmigrate.sql import MAX_IDENTIFIER_BYTES

AFTER_DAYS = 7  # as judge.columnstore.AFTER says it


def draft(advices: Sequence[Advice], evidence: Evidence) -> Plan:
    """Of the tables to convert."""
    planned = [(each, each.plan) for each in advices if each.plan is not None]
    return Plan(
        tuple(_table(each.table, plan, evidence) for each, plan in planned),
        tuple(_foreign_keys(planned, evidence)),
    )


def _table(table: Table, plan: advice.Plan, evidence: Evidence) -> TablePlan:
    own = table.column(plan.column)
    unit = own.unit if own else ""
    return TablePlan(
        relation=table.relation,
        column=plan.column,
        interval=plan.interval.value,
        method=Method.ATTACH if plan.method.name == "attach" else Method.COPY,
        copied=_copied(plan, evidence),
        unit=unit,
        primary_key=_primary_key(table, plan.column),
        unique={index.name: UniqueFate.WIDEN for index in unique_without(table, plan.column) if not index.primary},
        # The operation does not give back an index with its parts on partitions.
        drop_indexes=tuple(each.name for each in plan.redundant) if table.kind == "r" else (),
        columnstore=_columnstore(plan, unit),
    )


def unique_without(table: Table, column: str) -> list[Index]:
    """What could no longer be enforced; not exclusion constraints, which are more than unique."""
    return [index for index in table.indexes if index.unique and not index.exclusion and column not in index.columns]


def _primary_key(table: Table, column: str) -> tuple[str, ...]:
    key = table.primary_key
    if key is None or column in key.columns:
        return ()
    return (*(name or "" for name in key.columns), column)


def _copied(plan: advice.Plan, evidence: Evidence) -> CopiedTime | None:
    key = plan.copied
    if key is None:
        return None
    parent = evidence.tables[key.parent]
    return CopiedTime(parent.relation, plan.parent_column, dict(zip(key.columns, key.parent_columns, strict=True)))


def _columnstore(plan: advice.Plan, unit: str) -> Columnstore | None:
    store = plan.columnstore
    if store.refused:
        return None
    after = AFTER_DAYS * DAY * TICKS[unit] if unit else store.after
    return Columnstore(store.segmentby, store.orderby, after)


def _foreign_keys(planned: Sequence[tuple[Advice, advice.Plan]], evidence: Evidence) -> Iterator[ForeignKeyPlan]:
    """Each once, though both of its tables may be converted. Those to plain tables simply stay."""
    seen = set()
    for each, plan in planned:
        for fate in plan.foreign_keys:
            stays = fate.choice == "keep" and fate.parent != each.table.relation
            if not stays and (fate.child, fate.name) not in seen:
                seen.add((fate.child, fate.name))
                yield _foreign_key(fate, plan, evidence)


def _foreign_key(fate: Judged, plan: advice.Plan, evidence: Evidence) -> ForeignKeyPlan:
    if fate.choice == "drop" or not keeps_foreign_keys(evidence.server.timescale):
        return ForeignKeyPlan(fate.name, fate.child, Fate.DROP)
    if fate.choice == "keep":
        return ForeignKeyPlan(fate.name, fate.child, Fate.KEEP)
    child = next(table for table in evidence.tables.values() if table.relation == fate.child)
    return ForeignKeyPlan(fate.name, fate.child, Fate.WIDEN, _free_name(child, f"{fate.parent.name}_{plan.column}"))


def keeps_foreign_keys(timescale: Timescale) -> bool:
    """Before it a foreign key into a hypertable refuses good rows."""
    version = timescale.installed or timescale.available
    return version is not None and version >= REQUIREMENTS["widen_foreign_key"].since


def _free_name(table: Table, name: str) -> str:
    while len(name.encode()) > MAX_IDENTIFIER_BYTES - 2:
        name = name[:-1]
    taken = {column.name for column in table.columns}
    return next(each for each in (name, *(f"{name}{number}" for number in range(2, 99))) if each not in taken)
