"""Declarations for what a database holds, as source: to begin with, or to see what autogenerate sees."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import count
from unicodedata import normalize

from sqlalchemy import Connection

from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import Aggregate, Hypertable, Policy, TimescaleObjects
from tsmigrate.errors import UsageError
from tsmigrate.pysource import Argument, Code, arguments, call, comments


def reflected(connection: Connection, tables: Collection[str], schema: str | None) -> str:
    """The declarations of `tables`, by their names, or of all in `schema`, or of all; and of the aggregates over them.

    An aggregate over another one comes after it, as `ContinuousAggregate` needs it.
    """
    objects = TimescaleObjects.of(connection)
    default = connection.dialect.default_schema_name or "public"
    hypertables = [
        each
        for each in objects.hypertables.values()
        if schema in {None, each.relation.schema} and (not tables or each.relation.name in tables)
    ]
    _refuse_unknown(tables, hypertables, schema)
    known = {each.relation for each in hypertables}
    aggregates: list[Aggregate] = []
    for each in objects.aggregates.values():
        if each.source in known | {other.relation for other in aggregates}:
            aggregates.append(each)
    return "\n\n".join(_source(hypertables, aggregates, default)) + "\n"


def _refuse_unknown(tables: Iterable[str], found: Iterable[Hypertable], schema: str | None) -> None:
    unknown = sorted(set(tables) - {each.relation.name for each in found})
    if unknown:
        place = f" in the schema {schema}" if schema else ""
        raise UsageError(
            f"no hypertable{place} is called {' or '.join(map(repr, unknown))}",
            mend="leave the names out to see which there are; a plain table is declared by hand",
        )


def _source(hypertables: list[Hypertable], aggregates: list[Aggregate], default: str) -> Iterator[str]:
    names = _identifiers([each.relation for each in hypertables], default)
    blocks = [_info(each, names[each.relation]) for each in hypertables]
    blocks += [_aggregate(each, default) for each in aggregates]
    imported = [name for name in _NAMES if any(f"{name}(" in block for block in blocks)]
    if not blocks:
        yield "# There is no hypertable here."
        return
    yield f"from tsmigrate.schema import {', '.join(imported)}"
    yield from blocks


_NAMES = ("Columnstore", "ContinuousAggregate", "Hypertable", "Refresh", "Reorder", "Retention", "timescale")


def _info(found: Hypertable, name: str) -> str:
    parts = [_hypertable(found), *_columnstore(found), *_retention(found.retention_policy), *_reorder(found)]
    policies = (found.columnstore_policy, found.retention_policy, found.reorder_policy)
    peculiar = [each.peculiar for each in policies if each]
    notes = [f"Table({found.relation.name!r}, …, info={name})", *_undeclared([*found.beyond, *peculiar])]
    return "\n".join([*comments(notes), f"{name} = {call('timescale', arguments(*map(Code, parts)))}"])


def _hypertable(found: Hypertable) -> str:
    given = arguments(found.column, found.interval)
    for keyword, value in (("hash_dimension", found.hash_dimension), ("integer_now", found.integer_now)):
        if value is not None:
            given.append(Argument(keyword, value))
    return call("Hypertable", given)


def _columnstore(found: Hypertable | Aggregate) -> list[str]:
    if found.columnstore is None:
        return []
    given: list[Argument] = []
    if found.columnstore.segmentby is not None:
        given.append(Argument("segmentby", list(found.columnstore.segmentby)))
    if found.columnstore.orderby is not None:
        given.append(Argument("orderby", list(map(str, found.columnstore.orderby))))
    policy = found.columnstore_policy
    if policy and policy.after is not None:
        given += arguments(after=policy.after, schedule_interval=policy.schedule_interval)
    return [call("Columnstore", given)]


def _retention(policy: Policy | None) -> list[str]:
    if policy is None or policy.after is None:
        return []
    daily = policy.schedule_interval == "1 day"  # as TimescaleDB does by itself
    every = [] if daily else arguments(schedule_interval=policy.schedule_interval)
    return [call("Retention", [*arguments(policy.after), *every])]


def _reorder(found: Hypertable) -> list[str]:
    policy = found.reorder_policy
    if policy is None or policy.index is None:
        return []
    return [call("Reorder", arguments(policy.index, schedule_interval=policy.schedule_interval))]


def _aggregate(found: Aggregate, default: str) -> str:
    given = arguments(found.relation.name, found.definition.strip(), Code("metadata"))
    policy = found.refresh_policy
    if policy:
        offsets = arguments(policy.start_offset, policy.end_offset, policy.schedule_interval)
        given.append(Argument("refresh", Code(call("Refresh", offsets))))
    for retention in _retention(found.retention_policy):
        given.append(Argument("retention", Code(retention)))
    for columnstore in _columnstore(found):
        given.append(Argument("columnstore", Code(columnstore)))
    if found.materialized_only:
        given.append(Argument("materialized_only", value=True))
    if found.relation.schema != default:
        given.append(Argument("schema", found.relation.schema))
    policies = (found.refresh_policy, found.retention_policy, found.columnstore_policy)
    peculiar = [each.peculiar for each in policies if each]
    return "\n".join([*comments(_undeclared(peculiar)), call("ContinuousAggregate", given)])


def _undeclared(beyond: Iterable[str]) -> list[str]:
    told = "; ".join(filter(None, beyond))
    return [f"It also has, which no declaration says: {told}"] if told else []


def _identifiers(relations: Iterable[Relation], default: str) -> dict[Relation, str]:
    """A name for Python for each. Where names differ in odd characters alone, a number tells them apart."""
    names: dict[Relation, str] = {}
    for relation in relations:
        plain = _identifier(relation, default)
        free = (plain if number == 1 else f"{plain}_{number}" for number in count(1))
        names[relation] = next(name for name in free if name not in names.values())
    return names


def _identifier(relation: Relation, default: str) -> str:
    full = relation.name if relation.schema == default else f"{relation.schema}_{relation.name}"
    letters = normalize("NFKC", full.upper())  # as Python reads names
    name = "".join(each if f"_{each}".isidentifier() else "_" for each in letters)
    return name if name.isidentifier() else f"_{name}"
