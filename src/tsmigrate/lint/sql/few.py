"""Which relations of a SELECT are read only in part without any bound: until LIMIT is reached, or at their two ends."""

from __future__ import annotations

from typing import Any

from tsmigrate.lint.sql import expressions
from tsmigrate.lint.sql.nodes import opened, strings
from tsmigrate.lint.sql.relation import Join, Level, Relation, Tree
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.targets import call_kind, in_list, own_calls
from tsmigrate.lint.sql.values import Shape, Value

_NOBODY: frozenset[Relation] = frozenset()
_DEFAULT_NULLS = {"SORTBY_DESC": "SORTBY_NULLS_FIRST"}  # and NULLS LAST for ascending order
_ENDS = {"min": 0, "max": 0, "first": 1, "last": 1}  # which argument has to be the partition column
_TOGETHER = ({"min", "max"}, {"first", "last"})  # those of one kind are answered by one plan


def few_read(body: Any, scope: Scope) -> frozenset[Relation]:
    level = scope.level
    if not any(relation.table or relation.subquery for relation in level.relations):
        return _NOBODY
    calls = list(own_calls([body.get("targetList"), body.get("havingClause")]))
    kinds = {call_kind(call) for call in calls}
    if "aggregate" in kinds and not _groups(body):
        return _at_its_ends(calls, scope)
    if "limitCount" not in body or body["limitCount"].get("A_Const", {}).get("isnull"):
        return _NOBODY
    if "sortClause" not in body:
        stopped = "groupClause" not in body and "distinctClause" not in body and "window" not in kinds
        return frozenset(level.relations) if stopped else _NOBODY
    found = _in_order(body, [call["over"] for call in calls if "over" in call], scope)
    level.in_order = bool(found)
    return found


def _groups(body: Any) -> bool:
    """GROUP BY () groups nothing."""
    sets = [item.get("GroupingSet", {}).get("kind") for item in body.get("groupClause", ())]
    return any(kind != "GROUPING_SET_EMPTY" for kind in sets)


def _at_its_ends(calls: list[Any], scope: Scope) -> frozenset[Relation]:
    """min, max, first and last of the partition column of one table, and nothing else."""
    if len(scope.level.relations) != 1:
        return _NOBODY
    names = {strings(call["funcname"])[-1] for call in calls if call_kind(call) == "aggregate"}
    if not any(names <= kind for kind in _TOGETHER):
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
        if found.shape is Shape.COLUMN and found.var is not None and found.var.relation.subquery is not None:
            branches_in_order(found.var.relation.subquery, found.var.column, scope)
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
    if key.shape is Shape.COLUMN and key.var is not None and key.var.relation.subquery is not None:
        if len(scope.level.relations) == 1 and not windows and "groupClause" not in body:
            branches_in_order(key.var.relation.subquery, key.var.column, scope)
        return _NOBODY
    if not _orders(key) or key.var is None:
        return _NOBODY
    for window in windows:  # a window in the same order adds its column row by row; another needs all rows first
        order = window.get("orderClause")
        if not order or "partitionClause" in window:
            return _NOBODY
        by = expressions.value(order[0]["SortBy"]["node"], scope)
        if by.vars != key.vars or order[0]["SortBy"].get("sortby_dir") != first.get("sortby_dir"):
            return _NOBODY
    inner = _inner_side(scope.level.tree)
    others = {one for one in inner if one.table and one is not key.var.relation}
    if key.var.relation not in inner or (others and "groupClause" not in body):
        return _NOBODY  # of two hypertables the planner would rather hash one whole
    for clause in ("groupClause", "distinctClause"):
        if clause not in body:
            continue
        entries = [in_list(one, listed, scope) for one in body[clause] if opened(one)[0]] or listed
        same = [one.shape is key.shape and one.vars == key.vars for one in entries]
        presorted = clause == "groupClause" or scope.context.target.distinct_takes_presorted_rows
        if not (any(same) if presorted else all(same)):
            return _NOBODY
    return frozenset((key.var.relation,))


def _inner_side(tree: Tree | None) -> set[Relation]:
    """The relations that no outer join fills with NULLs."""
    waiting, found = [tree], set()
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        if node.relation is not None:
            found.add(node.relation)
        elif node.join in (Join.INNER, Join.SEMI):
            waiting += (node.left, node.right)
        elif node.join in (Join.LEFT, Join.ANTI):
            waiting.append(node.left)
    return found


def branches_in_order(level: Level, column: str, scope: Scope) -> None:
    """ORDER BY time LIMIT n over UNION ALL: each branch is read in its order, where TimescaleDB can."""
    if not scope.context.target.union_all_keeps_order or not level.branches or level.barrier is not None:
        return
    names = [output.name for output in level.outputs]
    for branch in level.branches:
        output = branch.outputs[names.index(column)] if column in names and not level.open else branch.find(column)
        if branch.branches and output is not None:
            branches_in_order(branch, output.name, scope)
        if branch.branches or output is None or branch.grouped or branch.barrier or branch.distinct_on is not None:
            continue
        if len(branch.relations) == 1 and _orders(output.value):
            branch.few = frozenset(branch.relations)
            branch.in_order = True
