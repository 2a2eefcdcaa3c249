"""The retention policy of a hypertable or a continuous aggregate: added, changed, removed."""

from __future__ import annotations

from tsmigrate.autogenerate.database import Database, age_of, altered_by_hand
from tsmigrate.catalog.timescale import Policy
from tsmigrate.ops.operation import Operation
from tsmigrate.ops.retention_policy import AddRetentionPolicy, RemoveRetentionPolicy
from tsmigrate.schema.hypertable import Retention


def operations(
    database: Database, name: str, schema: str | None, declared: Retention | None, found: Policy | None
) -> tuple[list[Operation], list[Operation]]:
    """What goes, and what comes: the columnstore's policy may change between the two, and judges by it."""
    if declared and found and _same(database, name, declared, found):
        return [], []
    removed: list[Operation] = []
    added: list[Operation] = []
    if found:
        was = AddRetentionPolicy(name, schema, age_of(found, "retention", name), found.schedule_interval)
        removed = [RemoveRetentionPolicy(name, schema, was, notes=altered_by_hand(found))]
    if declared and (found or database.expects("add_retention_policy", name, schema)):
        added = [AddRetentionPolicy(name, schema, declared.drop_after, declared.schedule_interval)]
    return removed, added


def _same(database: Database, name: str, declared: Retention, found: Policy) -> bool:
    every = declared.schedule_interval
    return database.same(declared.drop_after, found.after, f"drop_after of {name}") and (
        every is None or database.same(every, found.schedule_interval, f"schedule_interval of the retention of {name}")
    )
