"""Keep TimescaleDB's own schemas out of autogenerate, and ours: chunks, catalogs and views that no model declares."""

from __future__ import annotations

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult

INTERNAL_PREFIXES = ("_timescaledb_", "tsmigrate_")
INTERNAL = frozenset({"timescaledb_information", "timescaledb_experimental", "tsmigrate"})


def setup(plugin: Plugin) -> None:
    # First, so that nothing in them is reflected: 2,000 chunks take 20 seconds.
    plugin.add_autogenerate_comparator(_discard_internal, "schema", priority=DispatchPriority.FIRST)


def _discard_internal(
    _context: AutogenContext, _operations: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    schemas -= {name for name in schemas if name and (name.startswith(INTERNAL_PREFIXES) or name in INTERNAL)}
    return PriorityDispatchResult.CONTINUE
