"""Subqueries in expressions: as values, or as the joins that the planner makes of EXISTS and IN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tsmigrate.lint.sql import comparisons, expressions, predicates, query
from tsmigrate.lint.sql.bounds import Predicate, Trouble
from tsmigrate.lint.sql.from_clause import from_item, inner_joined, is_simple, placed, subselect, where
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import constant, strings
from tsmigrate.lint.sql.relation import Join, Level, Tree
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import Value


def _subquery(node: Node, scope: Scope) -> tuple[Level, Value, bool]:
    """A subquery as a value: its level, its first column, and whether it reads columns of this level."""
    inner = Scope(scope.context, Level(), outer=scope, enclosing=scope, place=scope.place)
    inner.through_view = scope.through_view
    query.select(node["SelectStmt"], inner)
    scope.level.children.append(inner.level)
    first = inner.level.outputs[0].value if inner.level.outputs else Value()
    return inner.level, first, inner.level.correlated


def _sublink(body: Any, scope: Scope, negated: bool) -> Tree | None:
    """EXISTS and IN as joins, as the planner makes them where they stand alone in a WHERE."""
    inside = body["subselect"]["SelectStmt"]
    if body["subLinkType"] == "EXISTS_SUBLINK":
        return _exists(inside, scope, negated)
    if body["subLinkType"] == "ANY_SUBLINK" and not negated:
        return _in(body, inside, scope)
    return None


def _exists(inside: Any, scope: Scope, negated: bool) -> Tree | None:
    plain = {key: one for key, one in inside.items() if key not in ("sortClause", "targetList")}
    if constant(inside.get("limitCount")) not in (None, 0):
        plain.pop("limitCount")
    if not is_simple(plain) or "fromClause" not in plain:
        return None
    trial = Scope(scope.context, Level(), outer=scope, enclosing=scope, place=scope.place)
    query.from_and_where(plain, trial)
    if not trial.level.correlated:
        return None  # asked once, and answered by the first row found
    inner = Scope(scope.context, scope.level, outer=scope, enclosing=scope, place=scope.place)
    inner.through_view = scope.through_view
    tree: Tree | None = None
    for item in plain["fromClause"]:
        tree = inner_joined(tree, from_item(item, inner))
    on: list[Predicate] = []
    tree = where(plain.get("whereClause"), inner, tree, on)
    return Tree(join=Join.ANTI if negated else Join.SEMI, right=tree, on=on)


def _in(body: Any, inside: Any, scope: Scope) -> Tree | None:
    operator = strings(body.get("operName"))[-1] if body.get("operName") else "="
    tested = expressions.value(body["testexpr"], scope)
    if not tested.vars:
        return None
    holder = Scope(scope.context, scope.level, outer=scope, enclosing=scope, place=scope.place)
    tree = subselect({"SelectStmt": inside}, {"aliasname": "\0in"}, holder, lateral=False)
    source = holder.sources["\0in"]
    columns = source.complete()
    if tree is None or columns is None:
        return Tree(join=Join.SEMI, right=tree) if tree else None
    parts = tested.row if tested.row is not None else [tested]
    on = [
        predicate
        for part, (_, value) in zip(parts, columns, strict=False)
        for predicate in comparisons.joined(part, operator, value, scope)
    ]
    for one in on:
        one.troubles = [
            replace(seen, trouble=Trouble.SUBQUERY, what="IN (SELECT …)") if seen.trouble is Trouble.JOINED else seen
            for seen in one.troubles
        ]
    return Tree(join=Join.SEMI, right=tree, on=placed(on, scope))


def install() -> None:
    """Expressions and predicates meet subqueries, which are made of them."""
    expressions.subquery = _subquery
    predicates.pull_up = _sublink
