"""The expressions of a SELECT list, and the clauses that name them by position or alias."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tsmigrate.lint.sql import expressions, functions
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import constant, opened, strings
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import Value

_CLOSED = frozenset({"SubLink", "SelectStmt", "ColumnRef", "A_Const", "ParamRef", "typeName", "String", "funcname"})


def own_calls(node: Any) -> Iterator[Any]:
    """The function calls of this query itself, none of its subqueries."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for kind, body in one.items():
                if kind in _CLOSED:
                    continue
                if kind == "FuncCall":
                    yield body
                if isinstance(body, (dict, list)):
                    waiting.append(body)


def call_kind(call: Any) -> str:
    """'aggregate', 'window' or 'set' for the calls that keep a subquery from being pulled up."""
    name = strings(call["funcname"])[-1]
    if "over" in call:
        return "window"
    if name in functions.AGGREGATES or "agg_within_group" in call or call.get("agg_star"):
        return "aggregate"
    return "set" if name in functions.SETS else ""


def in_list(node: Node, listed: Sequence[Value], scope: Scope) -> Value:
    """An entry of GROUP BY, ORDER BY, PARTITION BY or DISTINCT ON: an expression, a column's position or its name."""
    position = constant(node)
    if isinstance(position, int) and not isinstance(position, bool) and 0 < position <= len(listed):
        return listed[position - 1]
    kind, body = opened(node)
    if kind == "ColumnRef":
        fields = strings(body["fields"])
        if len(fields) == 1 and fields[0] in scope.aliases:
            return scope.aliases[fields[0]]
    return expressions.value(node, scope)
