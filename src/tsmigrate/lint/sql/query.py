"""Reads a query into levels, the way the planner would: simple subqueries and views are pulled up, the rest stay."""

from __future__ import annotations

from typing import Any

from tsmigrate.lint.sql import expressions, writes
from tsmigrate.lint.sql.common_tables import common_tables
from tsmigrate.lint.sql.few import branches_in_order, few_read
from tsmigrate.lint.sql.from_clause import DEEPEST, TooDeepError, from_item, inner_joined, where
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import constant, opened, strings, walk
from tsmigrate.lint.sql.relation import Barrier, Level, Tree
from tsmigrate.lint.sql.scope import Scope, Source
from tsmigrate.lint.sql.targets import call_kind, in_list, own_calls
from tsmigrate.lint.sql.values import Value


def select(body: Any, scope: Scope) -> Level:
    """Read a SELECT into `scope.level`."""
    level = scope.level
    scope.context.depth += 1
    if scope.context.depth > DEEPEST:
        raise TooDeepError
    try:
        common_tables(body, scope)
        if "larg" in body:
            _set_operation(body, scope)
        elif "valuesLists" in body:
            _values(body, scope)
        else:
            level.tree = from_and_where(body, scope)
            _columns(body, scope)
            _having(body, scope)
            level.few = few_read(body, scope)
    finally:
        scope.context.depth -= 1
    return level


def from_and_where(body: Any, scope: Scope) -> Tree | None:
    tree: Tree | None = None
    for item in body.get("fromClause", ()):
        tree = inner_joined(tree, from_item(item, scope))
    return where(body.get("whereClause"), scope, tree, scope.level.predicates)


def select_list(body: Any, scope: Scope) -> tuple[list[tuple[str, Value]], list[Source]]:
    """The columns in their order, and the stars over columns that are not all known."""
    named: list[tuple[str, Value]] = []
    open_: list[Source] = []
    for item in body.get("targetList", ()):
        target = item["ResTarget"]
        kind, value_body = opened(target.get("val", {}))
        if kind == "ColumnRef":
            fields = strings(value_body["fields"])
            if fields[-1] == "*":
                chosen = [scope.sources.get(fields[-2])] if len(fields) > 1 else list(scope.sources.values())
                for source in chosen:
                    columns = source.complete() if source else None
                    if columns is not None:
                        named += columns
                    elif source is not None:
                        open_.append(source)
                continue
            name = target.get("name", fields[-1])
        elif kind == "FuncCall":
            name = target.get("name", strings(value_body["funcname"])[-1])
        else:
            name = target.get("name", "?column?")
        named.append((name, expressions.value(target.get("val"), scope)))
    return named, open_


def first_of_each(columns: list[tuple[str, Value]]) -> dict[str, Value]:
    """Columns by name, in their order; of two with the same name the first."""
    found: dict[str, Value] = {}
    for name, value in columns:
        found.setdefault(name, value)
    return found


def _columns(body: Any, scope: Scope) -> None:
    """The columns of a level, and what keeps predicates on them outside."""
    level = scope.level
    named, open_ = select_list(body, scope)
    listed = [value for _, value in named]
    scope.aliases = first_of_each(named)
    calls = list(own_calls([body.get("targetList"), body.get("havingClause")]))
    level.grouped = "groupClause" in body or any(call_kind(call) == "aggregate" for call in calls)
    level.filtered = "whereClause" in body
    if "limitOffset" in body or _limits(body):
        level.barrier = level.barrier or Barrier.LIMIT
    if any("GroupingSet" in item for item in body.get("groupClause", ())):
        level.barrier = level.barrier or Barrier.GROUPED
    windows = {one["WindowDef"].get("name"): one["WindowDef"] for one in body.get("windowClause", ())}
    for call in own_calls([body.get("targetList"), body.get("sortClause")]):
        if "over" in call:
            over = call["over"]
            over = windows.get(over.get("name") or over.get("refname"), over) if "partitionClause" not in over else over
            level.partitions.append([in_list(one, listed, scope) for one in over.get("partitionClause", ())])
    distinct = body.get("distinctClause")
    if distinct and distinct[0]:
        level.distinct_on = [in_list(one, listed, scope) for one in distinct]
    for name, value in named:
        level.put(name, value)
    level.open = open_
    for clause in ("groupClause", "sortClause", "limitCount", "limitOffset"):
        _look_into(body.get(clause), scope)


def _limits(body: Any) -> bool:
    count = body.get("limitCount")
    return count is not None and not count.get("A_Const", {}).get("isnull")


def _look_into(node: Any, scope: Scope) -> None:
    """Subqueries in clauses that matter for nothing else."""
    if node and any(kind == "SubLink" for kind, _ in walk(node)):
        expressions.value({"List": {"items": node if isinstance(node, list) else [node]}}, scope)


def _having(body: Any, scope: Scope) -> None:
    """HAVING by grouping columns is moved to WHERE by the planner; by an aggregate it stays."""
    node = body.get("havingClause")
    if not node:
        return
    parts = node["BoolExpr"]["args"] if node.get("BoolExpr", {}).get("boolop") == "AND_EXPR" else [node]
    grouping_sets = any("GroupingSet" in item for item in body.get("groupClause", ()))
    for part in parts:
        if any(call_kind(call) == "aggregate" for call in own_calls(part)) or grouping_sets:
            expressions.value(part, scope)
        else:
            scope.level.tree = where(part, scope, scope.level.tree, scope.level.predicates)


def _set_operation(body: Any, scope: Scope) -> None:
    level = scope.level
    if body.get("op") == "SETOP_EXCEPT":
        level.barrier = level.barrier or Barrier.EXCEPT
    if "limitOffset" in body or _limits(body):
        level.barrier = level.barrier or Barrier.LIMIT
    for side in ("larg", "rarg"):
        branch = Scope(scope.context, Level(), outer=scope.outer, enclosing=scope)
        branch.place, branch.through_view = scope.place, scope.through_view
        select(body[side], branch)
        level.branches.append(branch.level)
    first = level.branches[0]
    for output in first.outputs:
        level.put(output.name, output.value)
    level.open = first.open
    level.correlated = level.correlated or any(one.correlated for one in level.branches)
    if body.get("op") == "SETOP_UNION" and body.get("all") and "sortClause" in body and _limits(body):
        _order_of_union(body, scope)
    _look_into(body.get("limitCount"), scope)


def _order_of_union(body: Any, scope: Scope) -> None:
    """ORDER BY and LIMIT of a whole UNION ALL."""
    level = scope.level
    key = body["sortClause"][0]["SortBy"]["node"]
    position = constant(key)
    kind, column = opened(key)
    if isinstance(position, int) and 0 < position <= len(level.outputs):
        name = level.outputs[position - 1].name
    elif kind == "ColumnRef":
        name = strings(column["fields"])[-1]
    else:
        return
    barrier, level.barrier = level.barrier, None
    branches_in_order(level, name, scope)
    level.barrier = barrier


def _values(body: Any, scope: Scope) -> None:
    rows = [[expressions.value(one, scope) for one in row["List"]["items"]] for row in body["valuesLists"]]
    for at, value in enumerate(rows[0]):
        # Several rows have to be joined; one row is constants.
        scope.level.put(f"column{at + 1}", value)


def statement(node: Node, scope: Scope) -> None:
    """Any statement that reads or writes rows, into `scope.level`."""
    kind, body = opened(node)
    if kind == "SelectStmt":
        select(body, scope)
    else:
        writes.read(kind, body, scope)
