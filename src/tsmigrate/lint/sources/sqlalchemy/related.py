"""Relationships in queries: joins through them, also by way of a secondary table, and .any() and .has()."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tsmigrate.lint.learn.models import Model
from tsmigrate.lint.sources.sqlalchemy.chain import ASKS
from tsmigrate.lint.sources.sqlalchemy.query import AnythingError, ByKey, Entity, Joined, Query, Reader


@dataclass(frozen=True)
class Step:
    """A table that a relationship leads to, and the condition by which it is joined to what came before."""

    entity: Entity
    on: str


def steps(owner: Entity, attribute: str, target: Entity, models: Mapping[str, Model]) -> tuple[Step, ...] | None:
    """From `owner` to `target`: one step, or two where a table stands between. None: not known."""
    model, other = owner.model, target.model
    if model is None or other is None:
        return None
    relationship = model.relationships[attribute]
    if not relationship.secondary:
        pairs = model.joined(relationship, other)
        return (Step(target, _equal(owner.name, target.name, pairs)),) if pairs else None
    through = model.through(relationship, other, models)
    if through is None:
        return None
    between = Entity(through.between.name, through.between)
    mine, theirs = _equal(owner.name, between.name, through.mine), _equal(target.name, between.name, through.theirs)
    return Step(between, mine), Step(target, theirs)


def _equal(one: str, other: str, pairs: list[tuple[str, str]]) -> str:
    return " AND ".join(f'"{one}"."{a}" = "{other}"."{b}"' for a, b in pairs)


def joins(one: Joined, query: Query, models: Mapping[str, Model]) -> tuple[Step, ...] | None:
    """The steps of a join through a relationship."""
    if one.relationship is None or one.owner is None:
        return None
    attribute = next(name for name, its in one.owner.relationships.items() if its is one.relationship)
    for owner in query.tables.values():
        if owner.model is one.owner and owner.name != one.entity.name:
            return steps(owner, attribute, one.entity, models)
    return None


def implied(one: Joined, query: Query) -> bytes:
    """The condition of a join without one: by the relationship, or the foreign key between two tables."""
    model = one.entity.model
    for other in query.tables.values() if model is not None else ():
        if model is None or other.model is None or other.name == one.entity.name:
            continue
        if one.relationship is not None and other.model is not one.owner:
            continue
        if one.relationship is not None:
            pairs = other.model.joined(one.relationship, model)
        else:
            pairs = other.model.referring(model)
        if pairs:
            return _equal(other.name, one.entity.name, pairs).encode()
    return b"$1"


def asked(node: ast.expr, query: Query, reader: Reader) -> tuple[Query, tuple[Step, ...]] | None:
    """`Message.routings.any(Routing.id == 3)` as the query that it asks about. None: it is no such thing.

    Raises AnythingError where it is one that cannot be followed.
    """
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in ASKS:
        return None
    of = node.func.value
    owner = query.entity(reader.name_of(of.value)) if isinstance(of, ast.Attribute) else None
    if owner is None or owner.model is None or not isinstance(of, ast.Attribute):
        return None
    if of.attr not in owner.model.relationships:
        return None
    model = reader.models.get(owner.model.relationships[of.attr].target)
    if model is None or query.entity(model.name) is not None:
        raise AnythingError  # two of one name: which of them a condition speaks of is not told
    target = Entity(model.name, model)
    way = steps(owner, of.attr, target, reader.models)
    if way is None:
        raise AnythingError
    inner = Query(query.names, query, tables={one.entity.name: one.entity for one in way}, first=(target, of))
    inner.conditions += [*node.args, *_named(node, target)]
    inner.unknown = any(one.arg is None for one in node.keywords)
    return inner, way


def _named(node: ast.Call, target: Entity) -> Iterator[ByKey]:
    yield from (
        ByKey(target, target.column(one.arg), node) for one in node.keywords if one.arg and one.arg != "criterion"
    )
