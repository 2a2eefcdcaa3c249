"""The value of any expression: when it is known, which columns it reads, and its type as far as that matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tsmigrate.lint.sql import functions
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import opened, strings
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import Shape, Value, When, combined

if TYPE_CHECKING:
    from tsmigrate.lint.known import Function
    from tsmigrate.lint.sql.relation import Level

_LITERAL_TYPES = {"ival": "int4", "fval": "numeric", "boolval": "bool", "sval": None, "bsval": "bit"}
_LONG = 100

Handler = Callable[[Any, Scope], Value]
_handlers: dict[str, Handler] = {}


def _unread(_node: Node, _scope: Scope) -> tuple[Level, Value, bool]:
    raise NotImplementedError("sublinks.py reads subqueries")


# Set by sublinks.py, which in turn needs this module.
subquery: Callable[[Node, Scope], tuple[Level, Value, bool]] = _unread


def _handles(*kinds: str) -> Callable[[Handler], Handler]:
    def declare(handler: Handler) -> Handler:
        _handlers.update(dict.fromkeys(kinds, handler))
        return handler

    return declare


def value(node: Node | None, scope: Scope) -> Value:
    if not node:
        return Value()
    kind, body = opened(node)
    handler = _handlers.get(kind)
    if handler is not None:
        return handler(body, scope)
    return combined(_below(body, scope), by=kind, location=body.get("location", -1) if isinstance(body, dict) else -1)


def _below(body: Any, scope: Scope) -> list[Value]:
    """The values of the expressions right below a node of a kind that needs no rule of its own."""
    found: list[Value] = []
    if isinstance(body, list):
        for one in body:
            found += _below(one, scope)
    elif isinstance(body, dict):
        for key, one in body.items():
            if key[0].isupper():
                found.append(value({key: one}, scope))
            elif isinstance(one, (dict, list)):
                found += _below(one, scope)
    return found


@_handles("ColumnRef")
def _column(body: Any, scope: Scope) -> Value:
    fields = strings(body["fields"])
    location = body.get("location", 0)
    if fields[-1] == "*":
        return Value(location=location)
    found = scope.column(fields)
    return Value(
        found.when,
        found.vars,
        found.shape,
        found.type,
        location,
        wrapped_by=found.wrapped_by,
        from_query=found.from_query,
        row=found.row,
        aggregate=found.aggregate,
        window=found.window,
    )


@_handles("A_Const")
def _constant(body: Any, _scope: Scope) -> Value:
    if body.get("isnull"):
        return Value(is_null_constant=True, is_literal=True, location=body.get("location", 0))
    type_ = next((name for key, name in _LITERAL_TYPES.items() if key in body), None)
    if type_ == "numeric" and body["fval"].get("fval", "").isdigit():
        type_ = "int8"
    return Value(type=type_, is_literal=True, location=body.get("location", 0))


@_handles("ParamRef")
def _parameter(body: Any, scope: Scope) -> Value:
    number = body.get("number", 0)
    types = scope.context.parameter_types
    type_ = types[number - 1] if 0 < number <= len(types) else None
    return Value(when=scope.context.parameter, type=type_, location=body.get("location", 0))


@_handles("TypeCast")
def _cast(body: Any, scope: Scope) -> Value:
    inner = value(body["arg"], scope)
    names = strings(body["typeName"].get("names"))
    type_ = functions.type_name(names[-1]) if names else None
    if body["typeName"].get("arrayBounds"):
        type_ = f"{type_}[]"
    location = inner.location if inner.location >= 0 else body.get("location", -1)
    if inner.shape is Shape.COLUMN and inner.type is not None and type_ == inner.type:
        return inner  # a cast to its own type is no cast
    return Value(
        inner.when,
        inner.vars,
        Shape.WRAPPED if inner.vars else Shape.NONE,
        type_,
        location,
        is_literal=inner.is_literal,
        is_null_constant=inner.is_null_constant,
        wrapped_by=f"::{type_}" if inner.vars else "",
        unknown=inner.unknown,
        from_query=inner.from_query,
        aggregate=inner.aggregate,
        window=inner.window,
    )


@_handles("SQLValueFunction")
def _sql_value(body: Any, _scope: Scope) -> Value:
    return Value(When.STARTUP, type=functions.SQL_VALUES.get(body.get("op", "")), location=body.get("location", 0))


@_handles("FuncCall")
def _call(body: Any, scope: Scope) -> Value:
    path = strings(body["funcname"])
    name = path[-1]
    arguments = [value(one, scope) for one in body.get("args", ())]
    location = body.get("location", 0)
    for key in ("agg_filter", "agg_order"):
        if key in body:
            arguments += _below(body[key], scope)
    project = scope.context.known.function(path[-2] if len(path) > 1 else None, name, scope.context.search_path)
    when, type_ = stability(path, project), functions.RETURNS.get(name)
    if project is not None:
        type_ = project.returns
    if name in functions.SAME_TYPE and len(arguments) > functions.SAME_TYPE[name]:
        type_ = arguments[functions.SAME_TYPE[name]].type
        if name == "date_trunc" and type_ == "date":
            type_ = "timestamptz"
    if name == "now" and not arguments:
        return Value(When.STARTUP, type="timestamptz", location=location, is_now=True)
    found = combined(arguments, by=f"{name}()", location=location, when=when, of_type=type_)
    if "over" in body:
        found.window = True
    elif name in functions.AGGREGATES or "agg_within_group" in body:
        found.aggregate = True
    if name in ("time_bucket", "date_trunc") and len(arguments) >= 2 and arguments[1].shape is Shape.COLUMN:
        others = [one for at, one in enumerate(arguments) if at != 1]
        if not any(one.vars for one in others) and "over" not in body:
            found.shape = Shape.BUCKET if name == "time_bucket" else Shape.TRUNC
            found.when = max((one.when for one in others), default=When.PLAN)
    return found


def stability(path: list[str], project: Function | None) -> When:
    """How early a function's result is known: the project's own as declared."""
    name = path[-1]
    if project is not None:
        return {"volatile": When.VOLATILE, "stable": When.STARTUP}.get(project.volatility, When.PLAN)
    if name in functions.VOLATILE:
        return When.VOLATILE
    return When.STARTUP if name in functions.STABLE else When.PLAN


@_handles("A_Expr")
def _operator(body: Any, scope: Scope) -> Value:
    sides = [value(body[key], scope) for key in ("lexpr", "rexpr") if key in body]
    operator = strings(body.get("name"))[-1:]
    found = combined(sides, by="".join(operator), location=_first(sides, body))
    if operator and operator[0] in "+-*/%" and len(sides) == 2:
        left, right = sides
        found.type = _arithmetic(operator[0], left.type, right.type)
        found.is_now = left.is_now and right.is_literal
        if found.type == "timestamptz" and "interval" in (left.type, right.type) and found.when is When.PLAN:
            found.when = When.STARTUP  # by the session's time zone
    elif operator and operator[0] not in ("->", "->>", "||", "#>"):
        found.type = "bool"
    return found


def _first(sides: list[Value], body: Any) -> int:
    places = [side.location for side in sides if side.location >= 0]
    return min(places, default=body.get("location", -1))


def _arithmetic(operator: str, left: str | None, right: str | None) -> str | None:
    """The type of `left operator right`."""
    if left in functions.TIMES and right in functions.TIMES:
        return ("int4" if left == right == "date" else "interval") if operator == "-" else None
    if left in functions.TIMES:
        return "timestamp" if left == "date" and right in ("interval", None) else left
    if right in functions.TIMES:
        return right
    for wider in ("numeric", "float8", "int8"):
        if wider in (left, right):
            return wider
    return left or right


@_handles("RowExpr")
def _row(body: Any, scope: Scope) -> Value:
    parts = [value(one, scope) for one in body.get("args", ())]
    found = combined(parts, by="a row", location=body.get("location", 0))
    found.row = parts
    return found


@_handles("List")
def _list(body: Any, scope: Scope) -> Value:
    nodes = body.get("items", ())
    if len(nodes) > _LONG and all("A_Const" in node for node in nodes):
        nodes = nodes[:_LONG]  # the rest is more of the same
    items = [value(one, scope) for one in nodes]
    found = combined(items, by="a list", location=_first(items, {}))
    known = {item.type for item in items}
    found.type = known.pop() if len(known) == 1 else None
    found.is_literal = all(item.is_literal for item in items)
    return found


@_handles("A_ArrayExpr")
def _array(body: Any, scope: Scope) -> Value:
    items = [value(one, scope) for one in body.get("elements", ())]
    found = combined(items, by="an array", location=body.get("location", 0))
    known = {item.type for item in items}
    element = known.pop() if len(known) == 1 else None
    found.type = f"{element}[]" if element else None
    return found


@_handles("CaseExpr")
def _case(body: Any, scope: Scope) -> Value:
    return combined(_below(body, scope), by="CASE", location=body.get("location", 0))


@_handles("CoalesceExpr")
def _coalesce(body: Any, scope: Scope) -> Value:
    parts = [value(one, scope) for one in body.get("args", ())]
    types = {part.type for part in parts} - {None}
    return combined(
        parts, by="COALESCE()", location=body.get("location", 0), of_type=types.pop() if len(types) == 1 else None
    )


@_handles("MinMaxExpr")
def _min_max(body: Any, scope: Scope) -> Value:
    parts = [value(one, scope) for one in body.get("args", ())]
    types = {part.type for part in parts} - {None}
    name = "GREATEST()" if "GREATEST" in body.get("op", "") else "LEAST()"
    return combined(parts, by=name, location=body.get("location", 0), of_type=types.pop() if len(types) == 1 else None)


@_handles("CollateClause")
def _collate(body: Any, scope: Scope) -> Value:
    return value(body.get("arg"), scope)


@_handles("SubLink")
def _sublink(body: Any, scope: Scope) -> Value:
    """A subquery as a value: known while running, or for each row anew where it reads the row's columns."""
    kind = body.get("subLinkType", "")
    level, first, correlated = subquery(body["subselect"], scope)
    if kind == "EXISTS_SUBLINK" and not correlated:
        level.few = frozenset(level.relations)  # asked once, and answered by the first row found
    location = body.get("location", 0)
    tested = value(body["testexpr"], scope) if "testexpr" in body else None
    found = combined([tested] if tested else [], by="a subquery", location=location, when=When.RUNTIME)
    found.from_query = True
    if correlated:
        found.when = When.VOLATILE
    if kind in ("EXPR_SUBLINK", "ARRAY_SUBLINK"):
        found.type = first.type if kind == "EXPR_SUBLINK" else f"{first.type}[]" if first.type else None
    else:
        found.type = "bool"
    return found


@_handles("WindowDef", "String", "A_Star", "SetToDefault", "TypeName")
def _nothing(_body: Any, _scope: Scope) -> Value:
    return Value()
