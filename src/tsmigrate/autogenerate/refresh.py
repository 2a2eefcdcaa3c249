"""The refresh policy of a continuous aggregate: added, changed, removed."""

from __future__ import annotations

from tsmigrate.autogenerate.database import Database, altered_by_hand
from tsmigrate.catalog.timescale import Policy
from tsmigrate.ops.operation import Operation
from tsmigrate.ops.refresh_policy import AddRefreshPolicy, RemoveRefreshPolicy
from tsmigrate.schema.aggregate import Refresh


def operations(
    database: Database, name: str, schema: str | None, declared: Refresh | None, found: Policy | None
) -> tuple[list[Operation], list[Operation]]:
    """What goes, and what comes: a retention policy below may change between the two."""
    if declared and found and _same(database, name, declared, found):
        return [], []
    removed: list[Operation] = []
    added: list[Operation] = []
    if found:
        was = AddRefreshPolicy(name, schema, found.start_offset, found.end_offset, found.schedule_interval)
        removed = [RemoveRefreshPolicy(name, schema, was, notes=altered_by_hand(found))]
    if declared and (found or database.expects("add_refresh_policy", name, schema)):
        added = [AddRefreshPolicy(name, schema, declared.start_offset, declared.end_offset, declared.schedule_interval)]
    return removed, added


def _same(database: Database, name: str, declared: Refresh, found: Policy) -> bool:
    return all(
        database.same(said, there, f"{what} of the refresh of {name}")
        for what, said, there in (
            ("start_offset", declared.start_offset, found.start_offset),
            ("end_offset", declared.end_offset, found.end_offset),
            ("schedule_interval", declared.schedule_interval, found.schedule_interval),
        )
    )
