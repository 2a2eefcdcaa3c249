"""The columnstore of a hypertable or a continuous aggregate, and its policy: enabled, laid out anew, disabled."""

from __future__ import annotations

from tsmigrate.autogenerate.database import Database, age_of, altered_by_hand
from tsmigrate.catalog.timescale import Aggregate, Columnstore, Hypertable, Policy
from tsmigrate.ops.columnstore import SetColumnstore
from tsmigrate.ops.columnstore_policy import AddColumnstorePolicy, RemoveColumnstorePolicy
from tsmigrate.ops.disable_columnstore import DisableColumnstore
from tsmigrate.ops.operation import Operation
from tsmigrate.schema import hypertable as model


def operations(
    database: Database,
    name: str,
    schema: str | None,
    declared: model.Columnstore | None,
    found: Hypertable | Aggregate | None,
) -> list[Operation]:
    """The policy goes first and comes last: it would compress while the layout changes."""
    policy, layout = (found.columnstore_policy, found.columnstore) if found else (None, None)
    removed, added = _policy(database, name, schema, declared, policy)
    return [*removed, *_layout(database, name, schema, declared, layout), *added]


def _layout(
    database: Database, name: str, schema: str | None, declared: model.Columnstore | None, found: Columnstore | None
) -> list[Operation]:
    if declared is None:
        return [] if found is None else [_disable(name, schema, found)]
    if found is None:
        if not database.expects("set_columnstore", name, schema):
            return []
        return [SetColumnstore(name, schema, declared.segmentby, declared.orderby)]
    if _is_laid_out(declared, found):
        return []
    notes = [
        "Chunks in the columnstore keep their layout. To lay them out anew, each under a lock while it is compressed: "
        "SELECT compress_chunk(decompress_chunk(chunk)) FROM show_chunks(…) AS chunk"
    ]
    return [SetColumnstore(name, schema, declared.segmentby, declared.orderby, notes=notes)]


def _is_laid_out(declared: model.Columnstore, found: Columnstore) -> bool:
    """What is not declared is TimescaleDB's choice, whatever it is."""
    order = tuple((each.column, each.descending, each.nulls_first) for each in declared.order)
    there = tuple((each.column, each.descending, each.nulls_first) for each in found.orderby or ())
    return (declared.segmentby is None or tuple(declared.segmentby) == found.segmentby) and (
        declared.orderby is None or order == there
    )


def _disable(name: str, schema: str | None, found: Columnstore) -> DisableColumnstore:
    was = SetColumnstore(
        name,
        schema,
        None if found.segmentby is None else list(found.segmentby),
        None if found.orderby is None else [str(each) for each in found.orderby],
    )
    return DisableColumnstore(name, schema, was, notes=["Every chunk is decompressed: there must be room for it."])


def _policy(
    database: Database, name: str, schema: str | None, declared: model.Columnstore | None, found: Policy | None
) -> tuple[list[Operation], list[Operation]]:
    after = declared.after if declared else None
    every = declared.schedule_interval if declared else None
    if found and after is not None and _is_policy(database, name, after, every, found):
        return [], []
    removed: list[Operation] = []
    added: list[Operation] = []
    if found:
        was = AddColumnstorePolicy(name, schema, age_of(found, "columnstore", name), found.schedule_interval)
        removed = [RemoveColumnstorePolicy(name, schema, was, notes=altered_by_hand(found))]
    if after is not None and (found or database.expects("add_columnstore_policy", name, schema)):
        added = [AddColumnstorePolicy(name, schema, after, every)]
    return removed, added


def _is_policy(database: Database, name: str, after: str | int, every: str | None, found: Policy) -> bool:
    place = f"of the columnstore of {name}"
    return database.same(after, found.after, f"`after` {place}") and (
        every is None or database.same(every, found.schedule_interval, f"schedule_interval {place}")
    )
