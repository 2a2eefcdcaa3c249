"""Indexes and types in the words of SQL: `at DESC`, `lower(name)`, `NUMERIC(10, 2)`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql.base import PGDialect

# Not the style of psycopg2 and psycopg, which writes every % twice.
_DIALECT = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]


def columns(index: Index) -> tuple[str, ...]:
    """As CREATE INDEX takes them."""
    return tuple(map(expression, index.expressions))


def expression(clause: Any) -> str:
    if isinstance(clause, str):
        return clause
    return str(clause.compile(dialect=_DIALECT, compile_kwargs={"include_table": False, "literal_binds": True}))


def column_type(kind: Any) -> str:
    """`kind` is a type or its class."""
    made = kind() if isinstance(kind, type) else kind
    return str(made.compile(dialect=_DIALECT))


def quoted(name: str) -> str:
    """As SQLAlchemy writes a column's name: in quotes where it has to be."""
    return _DIALECT.identifier_preparer.quote(name)
