"""INSERT, UPDATE, DELETE and MERGE, read into levels."""

from __future__ import annotations

from typing import Any

from tsmigrate.lint.sql import expressions, query
from tsmigrate.lint.sql.common_tables import common_tables
from tsmigrate.lint.sql.from_clause import from_item, where
from tsmigrate.lint.sql.nodes import walk
from tsmigrate.lint.sql.relation import Join, Level, Tree
from tsmigrate.lint.sql.scope import Scope


def read(kind: str, body: Any, scope: Scope) -> None:
    """Read a statement other than SELECT into `scope.level`."""
    if kind == "InsertStmt":
        _insert(body, scope)
    elif kind in ("UpdateStmt", "DeleteStmt"):
        _change(kind, body, scope)
    elif kind == "MergeStmt":
        _merge(body, scope)


def _insert(body: Any, scope: Scope) -> None:
    scope.level.statement = "INSERT"
    common_tables(body, scope)
    if "selectStmt" in body:
        inner = Scope(scope.context, Level(), outer=scope.outer, enclosing=scope)
        query.select(body["selectStmt"]["SelectStmt"], inner)
        scope.level.children.append(inner.level)
    _subqueries([body.get("onConflictClause"), body.get("returningList")], scope)


def _target(body: Any, role: str, scope: Scope) -> Tree | None:
    tree = from_item({"RangeVar": body["relation"]}, scope)
    if tree is not None and tree.relation is not None:
        tree.relation.role = role
    return tree


def _change(kind: str, body: Any, scope: Scope) -> None:
    level = scope.level
    level.statement = "UPDATE" if kind == "UpdateStmt" else "DELETE"
    common_tables(body, scope)
    tree = _target(body, level.statement.lower(), scope)
    others = body.get("fromClause") or body.get("usingClause") or ()
    for item in others:
        more = from_item(item, scope)
        tree = Tree(left=tree, right=more) if tree and more else tree or more
    level.joined_write = bool(others)
    level.filtered = "whereClause" in body
    level.tree = where(body.get("whereClause"), scope, tree, level.predicates)
    level.joined_write = level.joined_write or _joins(level.tree)
    _subqueries([body.get("targetList"), body.get("returningList")], scope)


def _joins(tree: Tree | None) -> bool:
    return tree is not None and tree.left is not None and tree.right is not None


def _merge(body: Any, scope: Scope) -> None:
    """The source joined to the target: where rows may be inserted, all rows of the source are kept."""
    level = scope.level
    level.statement = "MERGE"
    level.joined_write = True
    common_tables(body, scope)
    target = _target(body, "merge", scope)
    source = from_item(body["sourceRelation"], scope)
    kinds = {
        clause["MergeWhenClause"].get("matchKind", "MERGE_WHEN_MATCHED") for clause in body.get("mergeWhenClauses", ())
    }
    tree = Tree(left=source, right=target)
    if "MERGE_WHEN_NOT_MATCHED_BY_SOURCE" in kinds:
        tree.join = Join.FULL
    elif "MERGE_WHEN_NOT_MATCHED_BY_TARGET" in kinds:
        tree.join = Join.LEFT
    level.tree = where(body.get("joinCondition"), scope, tree, tree.on)
    _subqueries(body.get("mergeWhenClauses"), scope)


def _subqueries(node: Any, scope: Scope) -> None:
    """Subqueries where no bound can come from."""
    for kind, body in walk(node):
        if kind == "SubLink":
            expressions.value({"SubLink": body}, scope)
