"""A parsed statement to what it does with hypertables."""

from __future__ import annotations

from typing import Any

from tsmigrate.lint.sql import query, sublinks
from tsmigrate.lint.sql.judge import Reading, readings
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import opened
from tsmigrate.lint.sql.relation import Level
from tsmigrate.lint.sql.scope import Context, Scope

sublinks.install()
_READ = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
# Statements that hold a query, and where. A view's definition is no reading: who reads through it is judged.
_HOLDERS = {
    "ExplainStmt": "query",
    "PrepareStmt": "query",
    "DeclareCursorStmt": "query",
    "CreateTableAsStmt": "query",
    "CopyStmt": "query",
}


def held_query(node: Node) -> Node | None:
    """The query in a statement: itself, or what EXPLAIN, PREPARE, COPY or CREATE TABLE AS runs."""
    kind, body = opened(node)
    while kind in _HOLDERS:
        if kind == "CreateTableAsStmt" and _continuous(body):
            return None
        node = body.get(_HOLDERS[kind]) or {}
        kind, body = opened(node)
    return node if kind in _READ else None


def _continuous(body: Any) -> bool:
    options = body.get("into", {}).get("options", ())
    return any(option["DefElem"].get("defnamespace") in ("timescaledb", "tsdb") for option in options)


def read(node: Node, context: Context) -> list[Reading]:
    """What the query reads of each hypertable."""
    level = Level()
    query.statement(node, Scope(context, level))
    return readings(level)
