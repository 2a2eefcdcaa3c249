"""WITH: which common tables the planner writes into the query, and which it computes on their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tsmigrate.lint.sql import expressions, query
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import strings, walk
from tsmigrate.lint.sql.relation import Barrier, Level
from tsmigrate.lint.sql.scope import Scope
from tsmigrate.lint.sql.values import When


@dataclass(slots=True, eq=False)
class CommonTable:
    """WITH name AS (…)."""

    name: str
    node: Node
    scope: Scope
    columns: list[str]
    references: int
    materialized: bool | None
    recursive: bool
    level: Level | None = None
    reading: bool = False

    @property
    def writes(self) -> bool:
        return "SelectStmt" not in self.node

    @property
    def inlined(self) -> bool:
        if self.writes or self.recursive or self.materialized or "lockingClause" in self.node["SelectStmt"]:
            return False
        if self._volatile():
            return False
        return self.materialized is False or self.references == 1

    def _volatile(self) -> bool:
        context = self.scope.context
        calls = (strings(body["funcname"]) for kind, body in walk(self.node) if kind == "FuncCall")
        return any(
            expressions.stability(path, context.known.function(None, path[-1], context.search_path)) is When.VOLATILE
            for path in calls
        )

    @property
    def barrier(self) -> Barrier:
        if self.writes or "lockingClause" in self.node["SelectStmt"]:
            return Barrier.WRITES
        if self.recursive:
            return Barrier.RECURSIVE
        return Barrier.MATERIALIZED if self.materialized else Barrier.TWICE


def common_tables(body: Any, scope: Scope) -> None:
    clause = body.get("withClause")
    if not clause:
        return
    references: dict[str, int] = {}
    for kind, one in walk(body):
        if kind == "RangeVar" and "schemaname" not in one:
            references[one.get("relname", "")] = references.get(one.get("relname", ""), 0) + 1
    for item in clause["ctes"]:
        table = item["CommonTableExpr"]
        name = table["ctename"]
        wanted = table.get("ctematerialized", "CTEMaterializeDefault")
        itself = any(k == "RangeVar" and v.get("relname") == name for k, v in walk(table["ctequery"]))
        scope.tables[name] = CommonTable(
            name,
            table["ctequery"],
            scope,
            strings(table.get("aliascolnames")),
            references.get(name, 0),
            {"CTEMaterializeAlways": True, "CTEMaterializeNever": False}.get(wanted),
            bool(clause.get("recursive")) and itself,
        )
        if "SelectStmt" not in table["ctequery"]:
            read_once(scope.tables[name])


def read_once(table: CommonTable) -> Level:
    """The level of a common table that is computed on its own, once, whoever reads it."""
    if table.level is None:
        table.level = level = Level(barrier=table.barrier)
        table.scope.level.children.append(level)
        table.reading = True
        inner = Scope(table.scope.context, level, outer=table.scope.outer, enclosing=table.scope)
        inner.place, inner.through_view = table.scope.place, table.scope.through_view
        query.statement(table.node, inner)
        table.reading = False
    return table.level
