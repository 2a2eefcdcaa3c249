"""Which relations of a SELECT are read only in part without any bound: until LIMIT is reached, or at their two ends."""

from __future__ import annotations

from typing import Any

from tsmigrate.lint.sql import expressions
from tsmigrate.lint.sql.nodes import opened, strings
from tsmigrate.lint.sql.relation import Join, Relation, Tree
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.targets import call_kind, in_list, own_calls
from tsmigrate.lint.sql.values import Shape, Value

_NOBODY: frozenset[Relation] = frozenset()
_DEFAULT_NULLS = {"SORTBY_DESC": "SORTBY_NULLS_FIRST"}  # and NULLS LAST for ascending order
_ENDS = {"min": 0, "max": 0, "first": 1, "last": 1}  # which argument has to be the partition column


def few_read(body: Any, scope: Scope) -> frozenset[Relation]:
    level = scope.level
    if not any(relation.table for relation in level.relations):
        return _NOBODY
    calls = list(own_calls([body.get("targetList"), body.get("havingClause")]))
    kinds = {call_kind(call) for call in calls}
    if "aggregate" in kinds and "groupClause" not in body:
        return _at_its_ends(calls, scope)
    if "limitCount" not in body or body["limitCount"].get("A_Const", {}).get("isnull"):
        return _NOBODY
    if "sortClause" not in body:
        stopped = "groupClause" not in body and "distinctClause" not in body and "window" not in kinds
        return frozenset(level.relations) if stopped else _NOBODY
    found = _in_order(body, [call["over"] for call in calls if "over" in call], scope)
    level.in_order = bool(found)
    return found


def _at_its_ends(calls: list[Any], scope: Scope) -> frozenset[Relation]:
    """min, max, first and last of the partition column of one table, and nothing else."""
    if len(scope.level.relations) != 1:
        return _NOBODY
    for call in calls:
        if call_kind(call) != "aggregate":
            continue
        name = strings(call["funcname"])[-1]
        arguments = call.get("args", ())
        place = _ENDS.get(name, len(arguments))
        if place >= len(arguments) or "agg_filter" in call or "agg_distinct" in call:
            return _NOBODY
        found = expressions.value(arguments[place], scope)
        if found.shape is not Shape.COLUMN or not _orders(found):
            return _NOBODY
    return frozenset(scope.level.relations)


def _orders(value: Value) -> bool:
    """Whether the chunks' order is the order by this value."""
    var = value.var
    return var is not None and var.relation.table is not None and var.relation.table.column == var.column


def _in_order(body: Any, windows: list[Any], scope: Scope) -> frozenset[Relation]:
    """ORDER BY the partition column LIMIT n: chunk after chunk until there are enough rows."""
    first = body["sortClause"][0]["SortBy"]
    nulls = first.get("sortby_nulls", "SORTBY_NULLS_DEFAULT")
    natural = _DEFAULT_NULLS.get(first.get("sortby_dir", ""), "SORTBY_NULLS_LAST")
    if nulls not in ("SORTBY_NULLS_DEFAULT", natural):
        return _NOBODY
    listed = [output.value for output in scope.level.outputs]
    key = in_list(first["node"], listed, scope)
    if not _orders(key) or key.var is None:
        return _NOBODY
    for window in windows:  # a window in the same order adds its column row by row; another needs all rows first
        order = window.get("orderClause")
        if not order or "partitionClause" in window:
            return _NOBODY
        by = expressions.value(order[0]["SortBy"]["node"], scope)
        if by.vars != key.vars or order[0]["SortBy"].get("sortby_dir") != first.get("sortby_dir"):
            return _NOBODY
    others = [one for one in scope.level.relations if one.table and one is not key.var.relation]
    if others and "groupClause" not in body and _inner_joined(scope.level.tree, key.var.relation, set(others)):
        return _NOBODY  # two hypertables: the planner would rather hash one of them whole
    for clause in ("groupClause", "distinctClause"):
        if clause not in body:
            continue
        entries = [in_list(one, listed, scope) for one in body[clause] if opened(one)[0]] or listed
        if not any(one.shape is key.shape and one.vars == key.vars for one in entries):
            return _NOBODY
    return frozenset((key.var.relation,))


def _inner_joined(tree: Tree | None, one: Relation, others: set[Relation]) -> bool:
    """Whether `one` is inner-joined with another of these tables."""
    waiting, sides = [tree], set()
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        if node.relation is not None:
            sides.add(node.relation)
        elif node.join in (Join.INNER, Join.SEMI):
            waiting += (node.left, node.right)
        elif node.join in (Join.LEFT, Join.ANTI):
            waiting.append(node.left)
    return one in sides and not sides.isdisjoint(others)
