"""The index that `create_hypertable` makes by itself: known by its definition, as its name may be any."""

from __future__ import annotations

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateIndexOp, DropIndexOp, ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import ClauseElement, Index, Table

from tsmigrate.autogenerate import words
from tsmigrate.autogenerate.database import database_of, told
from tsmigrate.catalog.timescale import Hypertable

# What of an index is about storage and building, and says nothing of what it finds.
_NOT_ITS_DEFINITION = frozenset({"using", "with", "tablespace", "concurrently"})


def setup(plugin: Plugin) -> None:
    plugin.add_autogenerate_comparator(
        _keep, "table", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )


@told
def _keep(  # noqa: PLR0917 - as Alembic calls it
    context: AutogenContext,
    operations: ModifyTableOps,
    schema: str | None,
    table: str,
    in_database: Table | None,
    in_model: Table | None,
) -> PriorityDispatchResult:
    """Do not drop it where the model does not declare it, nor add it where a filter by name hides that it is there.

    A model that declares one like it by another name gets that: the one goes, the other comes.
    """
    if in_database is None or operations.is_empty():
        return PriorityDispatchResult.CONTINUE
    hypertable = database_of(context).hypertable(table, schema)
    if hypertable is None:
        return PriorityDispatchResult.CONTINUE
    shapes = _shapes(hypertable)
    declared = {_shape(index) for index in in_model.indexes} if in_model is not None else set()
    dropped = {op.index_name for op in operations.ops if isinstance(op, DropIndexOp)}

    def is_needless(op: object) -> bool:
        if isinstance(op, DropIndexOp):
            shape = _shape(op.to_index())
            return shape in shapes and shape not in declared
        if isinstance(op, CreateIndexOp):
            return (
                _shape(op.to_index()) in shapes
                and op.index_name not in dropped
                and op.index_name in {index["name"] for index in context.inspector.get_indexes(table, schema)}
            )
        return False

    operations.ops[:] = [op for op in operations.ops if not is_needless(op)]
    return PriorityDispatchResult.CONTINUE


def _shapes(hypertable: Hypertable) -> set[tuple[str, ...]]:
    """On the column of time, and on that of a hash before it (seen on 2.19.3 and 2.28.3)."""
    time, *others = map(words.quoted, hypertable.partition_columns)
    return {(f"{time} DESC",), *((other, f"{time} DESC") for other in others)}


def _shape(index: Index) -> tuple[str, ...] | None:
    """None for an index that does more than find rows: a unique or partial one, one that includes columns."""
    options = index.dialect_options["postgresql"]
    if index.unique or (options.get("using") or "btree") != "btree":
        return None
    if any(_is_set(value) for name, value in options.items() if name not in _NOT_ITS_DEFINITION):
        return None
    return tuple(column.removesuffix(" NULLS FIRST") for column in words.columns(index))


def _is_set(value: object) -> bool:
    """A clause has no truth value."""
    return isinstance(value, ClauseElement) or bool(value)
