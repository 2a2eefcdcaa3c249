"""The reorder policy of a hypertable: added, changed, removed."""

from __future__ import annotations

from tsmigrate.autogenerate.database import Database, altered_by_hand
from tsmigrate.catalog.timescale import Policy
from tsmigrate.ops.operation import Operation
from tsmigrate.ops.reorder_policy import AddReorderPolicy, RemoveReorderPolicy
from tsmigrate.schema.hypertable import Reorder


def operations(
    database: Database, name: str, schema: str | None, declared: Reorder | None, found: Policy | None
) -> tuple[list[Operation], list[Operation]]:
    """What goes, and what comes: the index that it names may be dropped after the one and made before the other."""
    if declared and found and _same(database, name, declared, found):
        return [], []
    removed: list[Operation] = []
    added: list[Operation] = []
    if found and found.index is not None:
        was = AddReorderPolicy(name, schema, found.index, found.schedule_interval)
        removed = [RemoveReorderPolicy(name, schema, was, notes=altered_by_hand(found))]
    if declared and (found or database.expects("add_reorder_policy", name, schema)):
        added = [AddReorderPolicy(name, schema, declared.index, declared.schedule_interval)]
    return removed, added


def _same(database: Database, name: str, declared: Reorder, found: Policy) -> bool:
    every = declared.schedule_interval
    return declared.index == found.index and (
        every is None or database.same(every, found.schedule_interval, f"schedule_interval of the reordering of {name}")
    )
