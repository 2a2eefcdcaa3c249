"""Comparisons, BETWEEN, IN and range operators: what each means for the columns on its sides."""

from __future__ import annotations

from typing import Any

from tsmigrate.lint.sql import expressions, functions
from tsmigrate.lint.sql.bounds import Bound, Predicate, Seen, Trouble, either, relations
from tsmigrate.lint.sql.nodes import constant, opened, strings
from tsmigrate.lint.sql.relation import Relation
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import Shape, Value, When

_ORDER = {"<", "<=", ">", ">=", "="}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}


def comparison(body: Any, scope: Scope, negated: bool) -> list[Predicate]:
    kind = body.get("kind", "AEXPR_OP")
    operator = strings(body.get("name"))[-1] if body.get("name") else ""
    left = expressions.value(body.get("lexpr"), scope)
    if kind in ("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"):
        low, high = (expressions.value(one, scope) for one in body["rexpr"]["List"]["items"])
        outside = kind.startswith("AEXPR_NOT") is not negated
        if outside:
            branches = [[compare(left, "<", low, scope)], [compare(left, ">", high, scope)]]
            return [either(branches, left.location)]
        return [compare(left, ">=", low, scope), compare(left, "<=", high, scope)]
    right = expressions.value(body.get("rexpr"), scope)
    if kind == "AEXPR_OP" and "lexpr" in body:
        one, other = constant(body["lexpr"]), constant(body.get("rexpr"))
        if operator == "=" and one is not None and other is not None:  # 1 = 1, 1 = 0
            return [Predicate(never=(one != other) is not negated)]
        if operator == "!=":
            operator = "<>"
        if operator in _NEGATED:
            return joined(left, _NEGATED[operator] if negated else operator, right, scope)
        if operator in ("@>", "<@") and not negated:
            return [_range(left, operator, right, body, scope)]
    if kind == "AEXPR_IN":
        return _in(left, right, body, scope, negated=(operator == "<>") is not negated)
    if kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL") and operator in _ORDER and not negated:
        if right.type:
            right.type = right.type.removesuffix("[]")
        every = kind == "AEXPR_OP_ALL"
        return [compare(left, "in" if operator == "=" and not every else operator, right, scope)]
    both = left.vars | right.vars
    what = {"AEXPR_DISTINCT": "IS DISTINCT FROM", "AEXPR_NOT_DISTINCT": "IS NOT DISTINCT FROM"}.get(kind, operator)
    strict = frozenset() if "DISTINCT" in kind else frozenset(var.relation for var in both)
    troubles = [Seen(Trouble.WRAPPED, var, _place(left, right), what) for var in both]
    return [Predicate(troubles=troubles, reads=both, strict=strict, unknown=left.unknown or right.unknown)]


def _place(left: Value, right: Value) -> int:
    return min((one.location for one in (left, right) if one.location >= 0), default=-1)


def _in(left: Value, right: Value, body: Any, scope: Scope, *, negated: bool) -> list[Predicate]:
    if negated:
        troubles = [Seen(Trouble.NOT_EQUAL, var, left.location) for var in left.vars]
        return [Predicate(troubles=troubles, reads=left.vars | right.vars, strict=relations(left))]
    items = body["rexpr"].get("List", {}).get("items", ())
    if left.row is None:
        return [compare(left, "=" if len(items) == 1 else "in", right, scope)]
    rows = [expressions.value(one, scope) for one in items]
    found = []
    for at, part in enumerate(left.row):
        others = [row.row[at] for row in rows if row.row is not None and len(row.row) > at]
        if len(others) == len(rows) and others:
            found.append(compare(part, "in", max(others, key=lambda one: (bool(one.vars), one.when)), scope))
    return found


def _rows(left: Value, operator: str, right: Value, scope: Scope) -> list[Predicate]:
    """`(a, b) = (c, d)` is a = c and b = d; ordered rows bound nothing, not even by their first column."""
    pairs = list(zip(left.row or (), right.row or (), strict=True))
    if operator == "=":
        return [compare(one, "=", other, scope) for one, other in pairs]
    if operator == "<>" or not pairs:
        return [Predicate(reads=left.vars | right.vars)]
    troubles = []
    for side, other in (pairs[0], pairs[0][::-1]):
        if side.shape is Shape.COLUMN and not other.vars and side.var:
            troubles.append(Seen(Trouble.ROW, side.var, _place(left, right), operator))
    return [Predicate(troubles=troubles, reads=left.vars | right.vars, strict=relations(left) | relations(right))]


def _range(left: Value, operator: str, right: Value, body: Any, scope: Scope) -> Predicate:
    """`tstzrange(a, b) @> time`: two comparisons from PostgreSQL 17 on, opaque before."""
    element, container = (right, left) if operator == "@>" else (left, right)
    found = Predicate(reads=left.vars | right.vars, strict=relations(left) | relations(right))
    if element.shape is Shape.COLUMN and element.var:
        side = body["lexpr"] if operator == "@>" else body["rexpr"]
        _, call = opened(side)
        constructor = strings(call.get("funcname"))[-1:] if isinstance(call, dict) else []
        spelled = bool(constructor) and constructor[0] in functions.RANGES
        early = container.is_literal or (spelled and container.when is not When.VOLATILE)
        if scope.context.target.range_operators_prune and not container.vars and early:
            found.bounds.append(Bound(element.var, container.when, ">=", location=_place(left, right)))
        else:
            found.troubles.append(Seen(Trouble.RANGE_OPERATOR, element.var, _place(left, right), operator))
    return found


def compare(left: Value, operator: str, right: Value, scope: Scope) -> Predicate:
    found = Predicate(
        reads=left.vars | right.vars,
        strict=_strict(left) | _strict(right),
        unknown=False,
        location=_place(left, right),
    )
    bare = left.shape is Shape.COLUMN and right.shape is Shape.COLUMN and operator == "="
    if bare and left.var and right.var and left.var.relation is not right.var.relation:
        found.equal = (left.var, right.var)
    for side, other, way in ((left, right, operator), (right, left, _FLIPPED.get(operator, operator))):
        if side.vars:
            _judge(found, side, way, other, scope, flipped=side is right)
    return found


def _strict(found: Value) -> frozenset[Relation]:
    """The relations whose row must exist for a comparison with this value to hold."""
    if found.wrapped_by in ("COALESCE()", "CASE"):
        return frozenset()
    return relations(found)


def _judge(found: Predicate, side: Value, operator: str, other: Value, scope: Scope, *, flipped: bool) -> None:
    """What comparing `side` with `other` means for the columns of `side`."""
    var, place = side.var, found.location
    if side.shape is Shape.WRAPPED or side.shape is Shape.TRUNC or var is None:
        for one in side.vars:
            found.troubles.append(Seen(Trouble.WRAPPED, one, side.location, side.wrapped_by))
    elif operator == "<>":
        found.troubles.append(Seen(Trouble.NOT_EQUAL, var, place))
    elif other.vars:
        known = other.var if other.shape is Shape.COLUMN else next(iter(other.vars))
        own = all(one.relation is var.relation for one in other.vars)
        found.troubles.append(Seen(Trouble.WRAPPED if own else Trouble.JOINED, var, place, "a column", known))
    elif other.when is When.VOLATILE:
        found.troubles.append(Seen(Trouble.SUBQUERY if other.from_query else Trouble.VOLATILE, var, other.location))
    elif side.shape is Shape.BUCKET and operator in ("=", "in"):
        found.troubles.append(Seen(Trouble.BUCKET_EQUALITY, var, place))
    elif side.shape is Shape.COLUMN and _crosses(side.type, other.type, scope):
        found.troubles.append(Seen(Trouble.CROSS_TYPE, var, other.location, other.type or ""))
    else:
        when = other.when
        if other.is_now and side.shape is Shape.COLUMN and side.type == "timestamptz":
            folds = operator in (">", ">=") and not flipped
            folds = folds and (scope.level.statement != "MERGE" or scope.context.target.merge_folds_now)
            when = When.PLAN if folds else When.STARTUP
        found.bounds.append(
            Bound(var, when, operator, side.shape, place, other.location, flipped, other.is_now, side.type)
        )


def _crosses(column: str | None, other: str | None, scope: Scope) -> bool:
    """Whether the column's side is the one that gets cast when the two are compared."""
    if column is None or other is None:
        return False
    if column in functions.INTEGERS:
        return other in functions.FRACTIONS
    if column == "date":
        return other == "timestamptz" and not scope.context.target.date_column_meets_timestamptz
    return False


def joined(left: Value, operator: str, right: Value, scope: Scope) -> list[Predicate]:
    """`left operator right`, written so or not, as in a join by USING; rows are compared by their columns."""
    if left.row is not None and right.row is not None and len(left.row) == len(right.row):
        return _rows(left, operator, right, scope)
    return [compare(left, operator, right, scope)]
