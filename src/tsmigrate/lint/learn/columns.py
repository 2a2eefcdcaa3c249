"""SQLAlchemy's Column("name", Type), read from source."""

from __future__ import annotations

import ast

from tsmigrate.lint.learn.relationships import called
from tsmigrate.lint.sql.functions import type_name


def column(node: ast.expr) -> tuple[str, str] | None:
    """sa.Column("name", sa.DateTime(timezone=True), …)."""
    if not isinstance(node, ast.Call) or called(node) != "Column" or not node.args:
        return None
    first = node.args[0]
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    return first.value, type_of(node.args[1]) if len(node.args) > 1 else ""


def is_constraint(node: ast.expr) -> bool:
    return called(node).endswith("Constraint") or called(node) in ("Index", "Identity")


def type_of(node: ast.expr) -> str:
    name = called(node).lower()
    if name in ("datetime", "timestamp"):
        zoned = isinstance(node, ast.Call) and any(
            one.arg == "timezone" and isinstance(one.value, ast.Constant) and one.value.value for one in node.keywords
        )
        return "timestamptz" if zoned else "timestamp"
    return {"biginteger": "int8", "integer": "int4", "smallinteger": "int2", "string": "text"}.get(
        name, type_name(name)
    )
