"""A condition, split into the predicates that must all hold; for each, which columns it bounds, equates or wraps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from tsmigrate.lint.sql import expressions, functions
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import constant, opened, strings
from tsmigrate.lint.sql.relation import Join, Tree
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import Shape, Value, Var, When

if TYPE_CHECKING:
    from tsmigrate.lint.sql.relation import Relation

_ORDER = {"<", "<=", ">", ">=", "="}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}


class Trouble(Enum):
    """Why a predicate that reads a column does not bound it."""

    WRAPPED = auto()
    BUCKET_EQUALITY = auto()
    ROW = auto()
    OR = auto()
    OPTIONAL = auto()
    VOLATILE = auto()
    CROSS_TYPE = auto()
    RANGE_OPERATOR = auto()
    JOINED = auto()  # compared with another table's column only
    SUBQUERY = auto()  # IN (SELECT …)
    NOT_EQUAL = auto()


@dataclass(frozen=True, slots=True)
class Seen:
    """One trouble: with which column, and where."""

    trouble: Trouble
    var: Var
    location: int
    what: str = ""
    other: Var | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A column compared with something known without reading the table."""

    var: Var
    when: When
    operator: str  # one of = < <= > >=, or "in"
    shape: Shape = Shape.COLUMN
    location: int = -1
    value_location: int = -1
    flipped: bool = False  # the column stands on the right
    is_now: bool = False
    type: str | None = None

    @property
    def lower(self) -> bool:
        return self.operator in ("=", "in", ">", ">=")


@dataclass(slots=True)
class Predicate:
    bounds: list[Bound] = field(default_factory=list)
    equal: tuple[Var, Var] | None = None
    troubles: list[Seen] = field(default_factory=list)
    strict: frozenset[Relation] = frozenset()
    reads: frozenset[Var] = frozenset()
    unknown: bool = False
    null_test: bool = False  # $1 IS NULL
    never: bool = False  # false
    location: int = -1


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
        return _comparison(body, scope, negated)
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
    return [_either(branches, body.get("location", -1))]


def _either(branches: list[list[Predicate]], location: int) -> Predicate:
    """OR bounds a column that every branch bounds."""
    bounded = [{bound.var: bound for one in branch for bound in one.bounds} for branch in branches]
    everywhere = set.intersection(*(set(branch) for branch in bounded))
    found = Predicate(location=location)
    for var in everywhere:
        latest = max((branch[var] for branch in bounded), key=lambda bound: bound.when)
        operator = ">=" if all(branch[var].lower for branch in bounded) else "<="
        found.bounds.append(Bound(var, latest.when, operator, Shape.BUCKET, latest.location, type=latest.type))
    for one in (one for branch in branches for one in branch):
        found.reads |= one.reads
        found.unknown = found.unknown or one.unknown
    optional = any(one.null_test for branch in branches for one in branch)
    somewhere = {var: bound for branch in bounded for var, bound in branch.items() if var not in everywhere}
    for var, bound in somewhere.items():
        missing = [branch for branch, its in zip(branches, bounded, strict=True) if var not in its]
        only_nulls = optional and all(any(one.null_test for one in branch) for branch in missing)
        trouble = Trouble.OPTIONAL if only_nulls else Trouble.OR
        found.troubles.append(Seen(trouble, var, bound.location))
    inner = [seen for branch in branches for one in branch for seen in one.troubles]
    found.troubles += [seen for seen in inner if seen.var not in everywhere]
    if branches and all(branches):
        strict = [frozenset().union(*(one.strict for one in branch)) for branch in branches]
        found.strict = frozenset.intersection(*strict)
    return found


def _null_test(body: Any, scope: Scope, negated: bool) -> Predicate:
    found = expressions.value(body["arg"], scope)
    is_null = (body.get("nulltesttype") == "IS_NULL") is not negated
    strict = frozenset() if is_null else _relations(found)
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


def _relations(found: Value) -> frozenset[Relation]:
    return frozenset(var.relation for var in found.vars)


def _other(found: Value) -> Predicate:
    """Any other condition: a boolean column, a function, CASE, IS TRUE."""
    troubles = [Seen(Trouble.WRAPPED, var, found.location, found.wrapped_by) for var in found.vars]
    if found.shape is Shape.COLUMN:
        troubles = []
    strict = _relations(found) if found.shape is Shape.COLUMN else frozenset()
    return Predicate(troubles=troubles, reads=found.vars, strict=strict, unknown=found.unknown, location=found.location)


def _comparison(body: Any, scope: Scope, negated: bool) -> list[Predicate]:
    kind = body.get("kind", "AEXPR_OP")
    operator = strings(body.get("name"))[-1] if body.get("name") else ""
    left = expressions.value(body.get("lexpr"), scope)
    if kind in ("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"):
        low, high = (expressions.value(one, scope) for one in body["rexpr"]["List"]["items"])
        outside = kind.startswith("AEXPR_NOT") is not negated
        if outside:
            branches = [[_compare(left, "<", low, scope)], [_compare(left, ">", high, scope)]]
            return [_either(branches, left.location)]
        return [_compare(left, ">=", low, scope), _compare(left, "<=", high, scope)]
    right = expressions.value(body.get("rexpr"), scope)
    if kind == "AEXPR_OP" and "lexpr" in body:
        one, other = constant(body["lexpr"]), constant(body.get("rexpr"))
        if operator == "=" and one is not None and other is not None:  # 1 = 1, 1 = 0
            return [Predicate(never=(one != other) is not negated)]
        if operator == "!=":
            operator = "<>"
        if operator in _NEGATED:
            if left.row is not None and right.row is not None and len(left.row) == len(right.row):
                return _rows(left, _NEGATED[operator] if negated else operator, right, scope)
            return [_compare(left, _NEGATED[operator] if negated else operator, right, scope)]
        if operator in ("@>", "<@") and not negated:
            return [_range(left, operator, right, body, scope)]
    if kind == "AEXPR_IN":
        return _in(left, right, body, scope, negated=(operator == "<>") is not negated)
    if kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL") and operator in _ORDER and not negated:
        if right.type:
            right.type = right.type.removesuffix("[]")
        every = kind == "AEXPR_OP_ALL"
        return [_compare(left, "in" if operator == "=" and not every else operator, right, scope)]
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
        return [Predicate(troubles=troubles, reads=left.vars | right.vars, strict=_relations(left))]
    items = body["rexpr"].get("List", {}).get("items", ())
    if left.row is None:
        return [_compare(left, "=" if len(items) == 1 else "in", right, scope)]
    rows = [expressions.value(one, scope) for one in items]
    found = []
    for at, part in enumerate(left.row):
        others = [row.row[at] for row in rows if row.row is not None and len(row.row) > at]
        if len(others) == len(rows) and others:
            found.append(_compare(part, "in", max(others, key=lambda one: (bool(one.vars), one.when)), scope))
    return found


def _rows(left: Value, operator: str, right: Value, scope: Scope) -> list[Predicate]:
    """`(a, b) = (c, d)` is a = c and b = d; ordered rows bound nothing, not even by their first column."""
    pairs = list(zip(left.row or (), right.row or (), strict=True))
    if operator == "=":
        return [_compare(one, "=", other, scope) for one, other in pairs]
    if operator == "<>" or not pairs:
        return [Predicate(reads=left.vars | right.vars)]
    troubles = []
    for side, other in (pairs[0], pairs[0][::-1]):
        if side.shape is Shape.COLUMN and not other.vars and side.var:
            troubles.append(Seen(Trouble.ROW, side.var, _place(left, right), operator))
    return [Predicate(troubles=troubles, reads=left.vars | right.vars, strict=_relations(left) | _relations(right))]


def _range(left: Value, operator: str, right: Value, body: Any, scope: Scope) -> Predicate:
    """`tstzrange(a, b) @> time`: two comparisons from PostgreSQL 17 on, opaque before."""
    element, container = (right, left) if operator == "@>" else (left, right)
    found = Predicate(reads=left.vars | right.vars, strict=_relations(left) | _relations(right))
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


def _compare(left: Value, operator: str, right: Value, scope: Scope) -> Predicate:
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
    return _relations(found)


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


def joined(left: Value, right: Value, operator: str, scope: Scope) -> Predicate:
    """The predicate of `x IN (SELECT y …)` once it is a join."""
    if left.row is not None and right.row is not None:
        raise ValueError("rows are compared by their columns")
    return _compare(left, operator, right, scope)


JOINS_THAT_PULL = {False: Join.SEMI, True: Join.ANTI}
