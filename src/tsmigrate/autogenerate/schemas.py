"""Keep what no model declares out of autogenerate: TimescaleDB's own schemas and ours, and chunks anywhere else."""

from __future__ import annotations

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import DropTableOp, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult

from tsmigrate import undo
from tsmigrate.autogenerate.database import database_of, told
from tsmigrate.catalog.tables import SET_ASIDE
from tsmigrate.convert.attach import ATTACHED_SCHEMA

INTERNAL_PREFIXES = ("_timescaledb_", SET_ASIDE)
INTERNAL = frozenset({"timescaledb_information", "timescaledb_experimental", undo.SCHEMA, ATTACHED_SCHEMA})


def setup(plugin: Plugin) -> None:
    # First, so that nothing in them is reflected: 2,000 chunks take 20 seconds.
    plugin.add_autogenerate_comparator(
        _discard_internal, "schema", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.FIRST
    )
    plugin.add_autogenerate_comparator(
        _keep_chunks, "schema", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )


def _discard_internal(
    _context: AutogenContext, _operations: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    schemas -= {name for name in schemas if name and (name.startswith(INTERNAL_PREFIXES) or name in INTERNAL)}
    return PriorityDispatchResult.CONTINUE


@told
def _keep_chunks(context: AutogenContext, operations: UpgradeOps, _schemas: set[str | None]) -> PriorityDispatchResult:
    """Chunks may lie in a schema of the team's (`associated_schema_name`, `attach_chunk`), beside its own tables."""
    if any(isinstance(op, DropTableOp) for op in operations.ops):
        database = database_of(context)
        operations.ops[:] = [
            op
            for op in operations.ops
            if not isinstance(op, DropTableOp | ModifyTableOps)
            or database.relation(op.table_name, op.schema) not in database.chunks_elsewhere
        ]
    return PriorityDispatchResult.CONTINUE
