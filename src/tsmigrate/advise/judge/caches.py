"""Tables that triggers keep as running totals of another: what a continuous aggregate could do instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tsmigrate.advise.evidence import TIME_TYPES, Evidence, Table
from tsmigrate.catalog.relation import Relation
from tsmigrate.lint.sql import bodies, native
from tsmigrate.lint.sql.native import ParseError
from tsmigrate.lint.sql.nodes import opened, strings, walk


@dataclass(frozen=True)
class Cache:
    relation: Relation
    triggers: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Totals:
    """The columns of a table that a function adds to."""

    relation: Relation
    columns: frozenset[str]


def caches(table: Table, evidence: Evidence) -> tuple[Cache, ...]:
    by_relation = {other.relation: other for other in evidence.tables.values()}
    found: dict[Relation, tuple[set[str], set[str]]] = {}
    for trigger in table.triggers:
        for totals in _totals(trigger.definition, by_relation):
            kept = by_relation[totals.relation]
            if kept.oid != table.oid and _has_time(kept):
                triggers, columns = found.setdefault(totals.relation, (set(), set()))
                triggers.add(trigger.name)
                columns |= totals.columns
    return tuple(_cache(table, relation, *what) for relation, what in sorted(found.items()))


def _cache(table: Table, relation: Relation, triggers: set[str], columns: set[str]) -> Cache:
    return Cache(
        relation,
        tuple(sorted(triggers)),
        f"triggers of {table.relation.name} add to its {', '.join(sorted(columns))}. If these are counts or sums of "
        f"{table.relation.name} by a span of its time, a continuous aggregate can replace table and triggers "
        "(Community edition; it shows changes of rows older than its refresh window only after a refresh)",
    )


def _has_time(table: Table) -> bool:
    return any(column.base_type in TIME_TYPES for column in table.columns)


def _totals(definition: str, tables: dict[Relation, Table]) -> Iterator[_Totals]:
    if not definition:
        return
    text = definition.encode()
    try:
        functions = native.parse(text)
    except ParseError:
        return
    for function in functions:
        for inner in bodies.inner_statements(function["stmt"], text):
            try:
                statements = native.parse(inner.text)
            except ParseError:
                continue
            for statement in statements:
                yield from _added(*opened(statement["stmt"]), tables, inner.search_path)


def _added(kind: str, body: Any, tables: dict[Relation, Table], path: tuple[str, ...] | None) -> Iterator[_Totals]:
    if kind == "UpdateStmt":
        targets = body.get("targetList", ())
    elif kind == "InsertStmt":
        targets = body.get("onConflictClause", {}).get("targetList", ())
    else:
        return
    relation = _named(body["relation"], tables, path)
    columns = frozenset(target["ResTarget"]["name"] for target in targets if _adds_to_itself(target["ResTarget"]))
    if relation is not None and columns:
        yield _Totals(relation, columns)


def _adds_to_itself(target: Any) -> bool:
    """`kept = kept + …` or `kept - …`."""
    for kind, node in walk(target.get("val", {})):
        if kind == "A_Expr" and strings(node.get("name")) in (["+"], ["-"]):
            sides = [
                strings(side.get("ColumnRef", {}).get("fields"))
                for side in (node.get("lexpr", {}), node.get("rexpr", {}))
            ]
            if any(side and side[-1] == target.get("name") for side in sides):
                return True
    return False


def _named(node: Any, tables: dict[Relation, Table], path: tuple[str, ...] | None) -> Relation | None:
    name = node.get("relname", "")
    if node.get("schemaname"):
        relation = Relation(node["schemaname"], name)
        return relation if relation in tables else None
    for schema in path or ():
        if Relation(schema, name) in tables:
            return Relation(schema, name)
    having = [relation for relation in tables if relation.name == name]
    return having[0] if len(having) == 1 else None
