"""The NOT NULL of a column by whose range chunks are made: TimescaleDB's, whatever the model says."""

from __future__ import annotations

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column

from tsmigrate.autogenerate.database import database_of, told


def setup(plugin: Plugin) -> None:
    plugin.add_autogenerate_comparator(
        _keep_not_null, "column", "nullable", qualifier="postgresql", priority=DispatchPriority.FIRST
    )


@told
def _keep_not_null(  # noqa: PLR0917 - as Alembic calls it
    context: AutogenContext,
    alter: AlterColumnOp,
    schema: str | None,
    table: str,
    column: str,
    in_database: Column[object],
    in_model: Column[object],
) -> PriorityDispatchResult:
    """To drop it fails: "cannot drop not-null constraint from a time-partitioned column" (TS101)."""
    if in_database.nullable or not in_model.nullable:
        return PriorityDispatchResult.CONTINUE
    hypertable = database_of(context).hypertable(table, schema)
    if hypertable is None or column not in hypertable.range_columns:
        return PriorityDispatchResult.CONTINUE
    alter.existing_nullable = False  # what the comparison that is skipped would have noted
    return PriorityDispatchResult.STOP
