"""A continuous aggregate whose query has more columns at its end: they are added where it stands, if the server can."""

from __future__ import annotations

import re

from tsmigrate import capability
from tsmigrate.autogenerate.database import Database
from tsmigrate.catalog.deparse import Deparsed
from tsmigrate.catalog.timescale import Aggregate
from tsmigrate.ops.aggregate_column import ADD, AddAggregateColumn
from tsmigrate.ops.operation import Operation

# How PostgreSQL writes a view: the columns, a line each, and what follows them.
_COLUMN = re.compile(r"(?P<expression>.+?)(?: AS (?P<name>\"(?:[^\"]|\"\")+\"|[a-z_][a-z0-9_$]*))?", re.DOTALL)
_AFTER = "\n   FROM "
_BETWEEN = ",\n    "


def added_columns(database: Database, found: Aggregate, wanted: Deparsed) -> list[Operation]:
    """None where it differs in more than that."""
    had, _, had_from = found.definition.partition(_AFTER)
    has, _, has_from = wanted.definition.partition(_AFTER)
    if had_from != has_from or not has.startswith(had + _BETWEEN) or not capability.can(database.server, ADD):
        return []
    schema = database.schema_of(found.relation)
    note = (
        "Buckets that are filled have NULL in it, until they are refreshed with force: "
        f"CALL refresh_continuous_aggregate('{found.relation.name}', NULL, NULL, force => true)"
    )
    entries = has.removeprefix(had + _BETWEEN).split(_BETWEEN)
    operations: list[Operation] = []
    for entry, (name, kind) in zip(reversed(entries), reversed(wanted.columns), strict=False):
        column = _COLUMN.fullmatch(entry)
        # An expression over several lines may have been cut where it has such a line end itself.
        if column is None or entry.count("(") != entry.count(")") or column["name"] not in {None, name}:
            return []
        plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
        operations.insert(
            0, AddAggregateColumn(found.relation.name, schema, plain, kind, column["expression"], notes=[note])
        )
    return operations
