"""Tables that declare to be hypertables: made so, and kept in step with what they declare."""

from __future__ import annotations

import shlex

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Table

from tsmigrate.autogenerate import columnstore, reorder, retention
from tsmigrate.autogenerate.database import Database, database_of, metadatas, told
from tsmigrate.catalog.timescale import Hypertable
from tsmigrate.errors import UsageError
from tsmigrate.ops.chunk_interval import SetChunkInterval
from tsmigrate.ops.extension import CreateTimescaledbExtension
from tsmigrate.ops.hash_dimension import AddHashDimension
from tsmigrate.ops.hash_partitions import SetHashPartitions
from tsmigrate.ops.hypertable import CreateHypertable
from tsmigrate.ops.operation import Operation
from tsmigrate.schema import hypertable as declaration
from tsmigrate.schema import info
from tsmigrate.schema.aggregate import aggregates
from tsmigrate.schema.check import check
from tsmigrate.schema.info import Declared


def setup(plugin: Plugin) -> None:
    # Last, so that columns and keys of the same table come before, and its other tables' with them.
    plugin.add_autogenerate_comparator(
        _compare, "table", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )
    plugin.add_autogenerate_comparator(
        _complete, "schema", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )


@told
def _compare(  # noqa: PLR0917 - as Alembic calls it
    context: AutogenContext,
    operations: ModifyTableOps,
    schema: str | None,
    name: str,
    found: Table | None,
    model: Table | None,
) -> PriorityDispatchResult:
    declared = None if model is None else info.declared(model)
    if model is not None and declared is not None:
        check(model)  # again: keys may have been added since the table was made
        database = database_of(context)
        hypertable = None if found is None else database.hypertable(name, schema)
        reordered = hypertable.reorder_policy if hypertable else None
        before, after = reorder.operations(database, name, schema, declared.reorder, reordered)
        made = _operations(database, name, schema, declared, hypertable, is_new=found is None)
        operations.ops[:] = [*before, *operations.ops, *made, *after]
    return PriorityDispatchResult.CONTINUE


def _operations(
    database: Database, name: str, schema: str | None, declared: Declared, found: Hypertable | None, *, is_new: bool
) -> list[Operation]:
    wanted = declared.hypertable
    policy = found.retention_policy if found else None
    removed, added = retention.operations(database, name, schema, declared.retention, policy)
    stored = columnstore.operations(database, name, schema, declared.columnstore, found)
    if found is None:
        notes = [] if is_new else [_advice(name, schema, wanted.column)]
        created = CreateHypertable(
            name,
            schema,
            wanted.column,
            wanted.interval,
            migrate_data=not is_new,
            hash_dimension=wanted.hash_dimension,
            integer_now=wanted.integer_now,
            default_indexes=wanted.default_indexes,
            notes=notes,
        )
        return [created, *stored, *added]
    _refuse_another_partitioning(name, declared, found)
    dimensions = _dimensions(database, name, schema, wanted, found)
    # A new dimension comes while the least works on the table: so its downgrade can make it anew.
    stays = declared.columnstore is not None
    return [*removed, *(dimensions if stays else stored), *(stored if stays else dimensions), *added]


def _dimensions(
    database: Database, name: str, schema: str | None, wanted: declaration.Hypertable, found: Hypertable
) -> list[Operation]:
    changes: list[Operation] = []
    if not database.same(wanted.interval, found.interval, f"the interval of {name}", months_fixed=True):
        notes = ["Chunks that exist keep their interval."]
        changes.append(SetChunkInterval(name, schema, wanted.interval, notes=notes))
    if wanted.hash_dimension and found.hash_dimension is None:
        changes.append(AddHashDimension(name, schema, *wanted.hash_dimension, notes=[_NEW_DIMENSION]))
    elif wanted.hash_dimension and wanted.hash_dimension != found.hash_dimension:
        notes = ["Chunks that exist stay in their partitions."]
        changes.append(SetHashPartitions(name, schema, wanted.hash_dimension[1], notes=notes))
    return changes


_NEW_DIMENSION = (
    "Chunks that exist stay whole. TimescaleDB takes no dimension away: the downgrade makes the hypertable anew, its "
    "rows moving under a lock, and is refused while aggregates, policies or a columnstore work on it."
)


def _advice(name: str, schema: str | None, column: str) -> str:
    command = ["tsmigrate", "preflight", name, "--time", column, *(["--schema", schema] if schema else [])]
    return f"It locks the table while its rows move. See first what it meets: {shlex.join(command)}"


def _refuse_another_partitioning(name: str, declared: Declared, found: Hypertable) -> None:
    """What no operation changes without moving every row. A hash dimension may come, and neither change nor go."""
    wanted = declared.hypertable
    hashed = found.hash_dimension
    for what, said, there in (
        ("partition column", wanted.column, found.column),
        ("hash_dimension", (wanted.hash_dimension or (None,))[0] if hashed else None, hashed and hashed[0]),
        ("integer_now", wanted.integer_now, found.integer_now),
    ):
        if said != there:
            spread = "; to spread new chunks no more, declare 1 partition" if what == "hash_dimension" else ""
            raise UsageError(
                f"the model of {name} declares the {what} {said!r}, and the hypertable has {there!r}, which no "
                "operation changes",
                mend="correct the model (tsmigrate reflect prints what is there); or convert the table anew: downgrade "
                f"to before op.create_hypertable and change it there{spread}",
            )


@told
def _complete(context: AutogenContext, upgrade: UpgradeOps, _schemas: set[str | None]) -> PriorityDispatchResult:
    """The extension before everything; and no declaration in the text of op.create_table."""
    for operation in upgrade.ops:
        if isinstance(operation, CreateTableOp):
            operation.info.pop(info.KEY, None)
    if _declares_anything(context) and database_of(context).server.timescale.installed is None:
        upgrade.ops.insert(0, CreateTimescaledbExtension())
    return PriorityDispatchResult.CONTINUE


def _declares_anything(context: AutogenContext) -> bool:
    return any(info.declared(table) for table in context.sorted_tables) or any(map(aggregates, metadatas(context)))
