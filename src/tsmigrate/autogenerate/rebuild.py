"""A continuous aggregate whose query changed: a new one is built under its name, and the old one set aside."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from tsmigrate.autogenerate.database import Database
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import Aggregate
from tsmigrate.ops.aggregate_options import RenameContinuousAggregate
from tsmigrate.ops.operation import Operation
from tsmigrate.sql import MAX_IDENTIFIER_BYTES, identifier, raw


def rebuilt(database: Database, found: Aggregate, made: Sequence[Operation]) -> list[Operation]:
    """`made` makes the new one."""
    name = found.relation.name
    schema = database.schema_of(found.relation)
    aside = _free_name(database, found.relation)
    notes = [
        f"The query of {name} changed, and TimescaleDB changes none in place. The old one stays as {aside}, with its "
        "rows and policies, for the downgrade; views go on reading it. Drop it with op.drop_continuous_aggregate in a "
        "later revision.",
        *_lost(database, found),
    ]
    return [RenameContinuousAggregate(name, schema, aside, notes=notes), *made]


def _free_name(database: Database, relation: Relation) -> str:
    for number in count(1):
        end = "_old" if number == 1 else f"_old{number}"
        start = relation.name
        while len((start + end).encode()) > MAX_IDENTIFIER_BYTES:
            start = start[:-1]
        free = Relation(relation.schema, start + end)
        if free not in database.objects.aggregates:
            return free.name
    raise AssertionError("there is always a number more")


def _lost(database: Database, found: Aggregate) -> list[str]:
    """What the new one cannot be given: buckets whose rows have been dropped."""
    below = database.objects.aggregates.get(found.source) or database.objects.hypertables[found.source]
    rows = below.held_in if isinstance(below, Aggregate) else below.relation
    query = _OLDEST.format(
        bucket=identifier(found.column), held=found.held_in, time=identifier(below.column), rows=rows
    )
    first, second, first_row = database.connection.execute(raw(query)).one()
    # A row within the first bucket may be younger than its beginning, and is older than the second's.
    if first is None or (first_row is not None and (second is None or first_row < second)):
        return []
    begin = "there are none" if first_row is None else f"they begin at {first_row}"
    return [
        f"Its buckets begin at {first}, and the rows of {found.source.name}, from which the new one is filled, do not "
        f"go back as far: {begin}. What is older is in the old one only."
    ]


_OLDEST = """
WITH first AS (SELECT min({bucket}) AS bucket FROM {held})
SELECT bucket, (SELECT min({bucket}) FROM {held} WHERE {bucket} > first.bucket), (SELECT min({time}) FROM {rows})
FROM first
"""
