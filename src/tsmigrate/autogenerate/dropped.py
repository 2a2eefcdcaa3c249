"""A hypertable whose model is gone: the downgrade makes it a hypertable again, with all that was declared of it."""

from __future__ import annotations

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import DropIndexOp, DropTableOp, MigrateOperation, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult

from tsmigrate.autogenerate import reorder
from tsmigrate.autogenerate.database import age_of, database_of, told
from tsmigrate.catalog.timescale import Hypertable
from tsmigrate.ops.columnstore import SetColumnstore
from tsmigrate.ops.columnstore_policy import AddColumnstorePolicy
from tsmigrate.ops.hash_dimension import AddHashDimension
from tsmigrate.ops.hypertable import CreateHypertable
from tsmigrate.ops.operation import Operation
from tsmigrate.ops.retention_policy import AddRetentionPolicy


def setup(plugin: Plugin) -> None:
    plugin.add_autogenerate_comparator(
        _pair, "schema", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )


@told
def _pair(context: AutogenContext, upgrade: UpgradeOps, _schemas: set[str | None]) -> PriorityDispatchResult:
    before: list[MigrateOperation] = []
    for number, each in enumerate(upgrade.ops):
        if isinstance(each, DropTableOp):
            database = database_of(context)
            found = database.objects.hypertables.get(database.relation(each.table_name, each.schema))
            if found:
                # An index that Alembic does not make again is TimescaleDB's own.
                again = _dropped_indexes(upgrade, each)
                own = [columns for name, columns in _indexes(context, each).items() if name not in again]
                upgrade.ops[number] = DropHypertable(each, _restoring(each, found, own))
                before += reorder.operations(database, each.table_name, each.schema, None, found.reorder_policy)[0]
    # The reorder policy goes first: the downgrade adds it when the index that it names is there again.
    upgrade.ops[:0] = before
    return PriorityDispatchResult.CONTINUE


class DropHypertable(DropTableOp):
    """`op.drop_table`, whose reverse is more than a table."""

    def __init__(self, dropped: DropTableOp, restoring: list[Operation]) -> None:
        self.__dict__.update(dropped.__dict__)
        self.restoring = restoring

    def reverse(self) -> ModifyTableOps:  # type: ignore[override]
        made: list[MigrateOperation] = [super().reverse(), *self.restoring]
        return ModifyTableOps(self.table_name, made, schema=self.schema)


def _indexes(context: AutogenContext, dropped: DropTableOp) -> dict[str, list[str | None]]:
    """By their names, the columns of each."""
    found = context.inspector.get_indexes(dropped.table_name, dropped.schema)
    return {str(each["name"]): each["column_names"] for each in found if not each.get("duplicates_constraint")}


def _dropped_indexes(upgrade: UpgradeOps, dropped: DropTableOp) -> set[str]:
    """Those that Alembic drops before the table, and makes again after it in the downgrade."""
    return {
        str(index.index_name)
        for each in upgrade.ops
        if isinstance(each, ModifyTableOps) and (each.table_name, each.schema) == (dropped.table_name, dropped.schema)
        for index in each.ops
        if isinstance(index, DropIndexOp)
    }


def _restoring(dropped: DropTableOp, found: Hypertable, own: list[list[str | None]]) -> list[Operation]:
    """`own` are the indexes that TimescaleDB has made: one on a hash dimension, too, if it was there from the start."""
    name, schema = dropped.table_name, dropped.schema
    hashed = found.hash_dimension
    added = hashed is not None and bool(own) and not any(hashed[0] in columns for columns in own)
    restored: list[Operation] = [
        CreateHypertable(
            name,
            schema,
            found.column,
            found.interval,
            hash_dimension=None if added else hashed,
            integer_now=found.integer_now,
            default_indexes=bool(own),
        )
    ]
    if added and hashed:
        restored.append(AddHashDimension(name, schema, *hashed))
    if found.columnstore:
        segmentby, orderby = found.columnstore.segmentby, found.columnstore.orderby
        restored.append(
            SetColumnstore(
                name,
                schema,
                None if segmentby is None else list(segmentby),
                None if orderby is None else list(map(str, orderby)),
            )
        )
    for add, kind, policy in (
        (AddColumnstorePolicy, "columnstore", found.columnstore_policy),
        (AddRetentionPolicy, "retention", found.retention_policy),
    ):
        if policy:
            restored.append(add(name, schema, age_of(policy, kind, name), policy.schedule_interval))
    return restored
