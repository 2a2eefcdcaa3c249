"""The revisions that a plan comes to, in their order: expand, fill, convert, policies, aggregates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alembic.operations import MigrateOperation

from tsmigrate.advise.evidence import TICKS, Evidence
from tsmigrate.advise.generate import keys
from tsmigrate.advise.generate.definitions import Definitions, ForeignKey
from tsmigrate.advise.generate.reasons import Reasons
from tsmigrate.advise.generate.revision import Revision
from tsmigrate.advise.plan.plan import AggregatePlan, Fate, Method, Plan, TablePlan
from tsmigrate.catalog.relation import Relation
from tsmigrate.ops.columnstore import SetColumnstore
from tsmigrate.ops.columnstore_policy import AddColumnstorePolicy
from tsmigrate.ops.continuous_aggregate import CreateContinuousAggregate
from tsmigrate.ops.extension import CreateTimescaledbExtension
from tsmigrate.ops.foreign_keys import DropForeignKeyTo
from tsmigrate.ops.hypertable import CreateHypertable
from tsmigrate.ops.partition_column import AddPartitionColumn
from tsmigrate.ops.refresh import RefreshContinuousAggregate
from tsmigrate.ops.refresh_policy import AddRefreshPolicy
from tsmigrate.ops.retention_policy import AddRetentionPolicy
from tsmigrate.ops.wide_foreign_key import WidenForeignKey


@dataclass(frozen=True)
class Writer:
    plan: Plan
    evidence: Evidence
    definitions: Definitions
    reasons: Reasons
    extension: bool  # it is still to be created

    def revisions(self) -> list[Revision]:
        steps = (
            self._expand(),
            self._fill(),
            self._convert(),
            self._references(),
            self._policies(),
            self._aggregates(),
        )
        return [revision for step in steps for revision in step if revision.operations]

    def _expand(self) -> Iterator[Revision]:
        if self.extension:
            yield Revision("The extension timescaledb", self.reasons.extension(), [CreateTimescaledbExtension()])
        pointed_at = [table.relation for table in self.plan.tables if self._dropped(table.relation)]
        dropped: list[MigrateOperation] = [DropForeignKeyTo(each.name, each.schema) for each in pointed_at]
        dropped += [each for key in self._to_hypertables() for each in keys.loosened(key)]
        title = f"No foreign keys to {_listed(pointed_at)}" if pointed_at else "No foreign keys to hypertables"
        yield Revision(title, self.reasons.foreign_keys(pointed_at, self._to_hypertables()), dropped)
        for table in self.plan.tables:
            if table.unit and not table.integer_now:
                yield Revision(
                    f"The present of {table.relation.name}", self.reasons.present(table), [self._present(table)]
                )

    def _fill(self) -> Iterator[Revision]:
        for table in self.plan.tables:
            copied = table.copied
            if copied is not None:
                add = AddPartitionColumn(
                    table.relation.name,
                    table.relation.schema,
                    table.column,
                    copied.parent.name,
                    copied.column,
                    dict(copied.references),
                    copied.parent.schema,
                    copied.orphans or None,
                    fill_inserts=True,
                )
                yield Revision(f"{table.column} of {table.relation.name}", self.reasons.copied(table), [add])

    def _convert(self) -> Iterator[Revision]:
        for table in self.plan.tables:
            attached = table.method is Method.ATTACH and bool(table.primary_key)
            index = keys.key_index(table) if attached else None
            name = table.relation.name
            if index:
                yield Revision(f"The index of the wide key of {name}", self.reasons.key_index(table), [index])
            widened = [
                *keys.primary_key(table, index),
                *keys.unique(table, self.definitions),
                *keys.superfluous(table),
            ]
            yield Revision(f"{name} keyed by {table.column} too", self.reasons.keys(table), widened)
            yield Revision(f"{name} as a hypertable", self.reasons.hypertable(table), [self._hypertable(table)])

    def _references(self) -> Iterator[Revision]:
        """Foreign keys into the new hypertables that stay."""
        for table in self.plan.tables:
            for key in self.definitions.keys_to(table.relation):
                planned = self.plan.foreign_key(key.table, key.name)
                title = f"{key.name} again"
                if planned and planned.fate is Fate.WIDEN:
                    wide = self._wide(key, table, planned.column)
                    yield Revision(title, self.reasons.wide(key, table, planned.column), [wide])
                elif planned and planned.fate is Fate.KEEP and self._dropped(table.relation):
                    yield Revision(title, self.reasons.kept(key), list(keys.kept(key)))

    def _policies(self) -> Iterator[Revision]:
        stored = [table for table in self.plan.tables if table.columnstore]
        yield Revision(
            f"Columnstore of {_listed([each.relation for each in stored])}",
            self.reasons.columnstore(stored),
            [each for table in stored for each in _columnstore(table)],
        )
        aging = [table for table in self.plan.tables if table.retention is not None]
        yield Revision(
            f"Retention of {_listed([each.relation for each in aging])}",
            self.reasons.retention(aging),
            [
                AddRetentionPolicy(each.relation.name, each.relation.schema, each.retention)
                for each in aging
                if each.retention is not None
            ],
        )

    def _aggregates(self) -> Iterator[Revision]:
        for each in self.plan.aggregates:
            name, schema = each.relation.name, each.relation.schema
            made: list[MigrateOperation] = [
                CreateContinuousAggregate(name, schema, each.query, each.materialized_only),
                *_refreshed(each),
            ]
            yield Revision(f"The aggregate {name}", self.reasons.aggregate(each), made)
            filled = [RefreshContinuousAggregate(name, schema)]
            yield Revision(f"{name} refreshed once", self.reasons.refreshed(each), filled)

    def _dropped(self, table: Relation) -> list[ForeignKey]:
        """The foreign keys to it, unless all of them can stay through the conversion."""
        inbound = self.definitions.keys_to(table)
        fates = [planned.fate for key in inbound if (planned := self.plan.foreign_key(key.table, key.name))]
        return [] if all(fate is Fate.KEEP for fate in fates) else inbound

    def _to_hypertables(self) -> list[ForeignKey]:
        """Foreign keys of tables of the plan to what is a hypertable already."""
        hypertables = {
            self.evidence.tables[oid].relation for oid in self.evidence.hypertables if oid in self.evidence.tables
        }
        return [
            key for key in self.definitions.foreign_keys if key.parent in hypertables and self.plan.table(key.table)
        ]

    def _present(self, table: TablePlan) -> MigrateOperation:
        return keys.present(table.relation, keys.present_name(table), TICKS[table.unit], self._type(table))

    def _type(self, table: TablePlan) -> str:
        """Of the partition column."""
        for each in self.evidence.tables.values():
            if each.relation == table.relation and (column := each.column(table.column)):
                return "integer" if column.type == "int4" else "bigint"
        return "bigint"

    def _hypertable(self, table: TablePlan) -> CreateHypertable:
        now = table.integer_now or (f"{table.relation.schema}.{keys.present_name(table)}" if table.unit else None)
        return CreateHypertable(
            table.relation.name,
            table.relation.schema,
            table.column,
            table.interval,
            migrate_data=table.method is Method.COPY,
            integer_now=now,
            method=table.method.value,
        )

    def _wide(self, key: ForeignKey, table: TablePlan, column: str) -> WidenForeignKey:
        return WidenForeignKey(
            key.table.name,
            key.table.schema,
            key.name,
            column,
            key.parent.name,
            table.column,
            key.references,
            key.parent.schema,
            key.on_delete,
            key.on_update,
            key.deferrable,
            key.initially_deferred,
        )


def _columnstore(table: TablePlan) -> Iterator[MigrateOperation]:
    name, schema, store = table.relation.name, table.relation.schema, table.columnstore
    if store is not None:
        yield SetColumnstore(name, schema, list(store.segmentby), list(store.orderby))
        yield AddColumnstorePolicy(name, schema, store.after)


def _refreshed(aggregate: AggregatePlan) -> Iterator[MigrateOperation]:
    refresh = aggregate.refresh
    if refresh is not None:
        name, schema = aggregate.relation.name, aggregate.relation.schema
        yield AddRefreshPolicy(name, schema, refresh.start, refresh.end, refresh.every)


def _listed(tables: Sequence[Relation]) -> str:
    names = [each.name for each in tables]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"
