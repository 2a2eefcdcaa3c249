"""A condition, split into the predicates that must all hold; for each, which columns it bounds, equates or wraps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsmigrate.lint.sql import expressions
from tsmigrate.lint.sql.bounds import Bound, Predicate, Seen, Trouble, either, relations
from tsmigrate.lint.sql.comparisons import comparison
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import constant, opened
from tsmigrate.lint.sql.relation import Tree
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import Shape, Value, When


def _unread(_body: Any, _scope: Scope, _negated: bool) -> Tree | None:
    raise NotImplementedError("sublinks.py reads subqueries")


# Set by sublinks.py: pulls `x IN (SELECT …)` and EXISTS up into the level as a join. None: it stays a subquery.
pull_up: Callable[[Any, Scope, bool], Tree | None] = _unread


def conditions(node: Node | None, scope: Scope, *, negated: bool = False, top: bool = True) -> list[Predicate]:
    """The predicates that `node` demands together. `top`: subqueries here may be pulled up as joins."""
    if not node:
        return []
    kind, body = opened(node)
    if kind == "BoolExpr":
        return _boolean(body, scope, negated, top)
    if kind == "SubLink":
        return _subquery(body, scope, negated, top)
    if kind == "A_Expr":
        return comparison(body, scope, negated)
    if kind == "NullTest":
        return [_null_test(body, scope, negated)]
    if kind == "ParamRef":
        return [Predicate(unknown=scope.context.holes)]
    found = expressions.value(node, scope)
    if kind == "A_Const" and constant(node) is False:
        return [Predicate(never=not negated)]
    if kind in ("A_Const", "TypeCast", "ColumnRef") and found.unknown:
        return [Predicate(unknown=True)]
    return [_other(found)]


def _boolean(body: Any, scope: Scope, negated: bool, top: bool) -> list[Predicate]:
    operator = body.get("boolop", "AND_EXPR")
    if operator == "NOT_EXPR":
        return conditions(body["args"][0], scope, negated=not negated, top=top)
    together = (operator == "AND_EXPR") is not negated
    if together:
        return [one for argument in body["args"] for one in conditions(argument, scope, negated=negated, top=top)]
    branches = [conditions(argument, scope, negated=negated, top=False) for argument in body["args"]]
    branches = [branch for branch in branches if not any(one.never for one in branch)] or branches
    if len(branches) == 1:
        return branches[0]
    return [either(branches, body.get("location", -1))]


def _null_test(body: Any, scope: Scope, negated: bool) -> Predicate:
    found = expressions.value(body["arg"], scope)
    is_null = (body.get("nulltesttype") == "IS_NULL") is not negated
    strict = frozenset() if is_null else relations(found)
    bounds: list[Bound] = []
    table = found.var.relation.table if found.var else None
    if is_null and table and found.var and found.shape is Shape.COLUMN and table.column == found.var.column:
        # The partition column is NOT NULL: no chunk can hold such a row.
        bounds = [Bound(found.var, When.PLAN, "in", location=found.location)]
    return Predicate(
        bounds=bounds,
        strict=strict,
        reads=found.vars,
        null_test=is_null and not found.vars and not found.from_query,
        location=found.location,
    )


def _other(found: Value) -> Predicate:
    """Any other condition: a boolean column, a function, CASE, IS TRUE."""
    troubles = [Seen(Trouble.WRAPPED, var, found.location, found.wrapped_by) for var in found.vars]
    if found.shape is Shape.COLUMN:
        troubles = []
    strict = relations(found) if found.shape is Shape.COLUMN else frozenset()
    return Predicate(troubles=troubles, reads=found.vars, strict=strict, unknown=found.unknown, location=found.location)


def _subquery(body: Any, scope: Scope, negated: bool, top: bool) -> list[Predicate]:
    if top:
        tree = pull_up(body, scope, negated)
        if tree is not None:
            scope.joined.append(tree)
            return []
    found = expressions.value({"SubLink": body}, scope)
    troubles = [
        Seen(Trouble.NOT_EQUAL if negated else Trouble.SUBQUERY, var, found.location, "IN (SELECT …)")
        for var in found.vars
    ]
    return [Predicate(troubles=troubles, reads=found.vars)]
