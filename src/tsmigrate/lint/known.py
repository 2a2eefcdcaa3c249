"""What the linter knows of a database: its hypertables, and the columns, views and functions that help to judge.

Learned from declarations, SQL files, Alembic revisions or a live catalog (`learn/`); the judging parts only read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tsmigrate.lint.sql.native import Node

if TYPE_CHECKING:
    from tsmigrate.lint.learn.models import Model

DEFAULT_SEARCH_PATH = ("public",)


class Name(NamedTuple):
    """A table, view or function by schema and name."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @classmethod
    def parse(cls, text: str, schema: str = "public") -> Name:
        """`sms.messages` or `messages`; quotes as in SQL."""
        before, dot, after = text.rpartition(".")
        return cls(_unquoted(before), _unquoted(after)) if dot else cls(schema, _unquoted(text))


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') and text.endswith('"') else text


class Step(NamedTuple):
    """A migration's place among those of its kind."""

    history: str
    number: int

    def before_or_at(self, other: Step | None) -> bool:
        return other is not None and other.history == self.history and self.number <= other.number


@dataclass(frozen=True)
class Hypertable:
    """A hypertable, or a continuous aggregate by its bucket column."""

    name: Name
    column: str
    type: str = "timestamptz"
    columns: tuple[str, ...] | None = None
    dimensions: tuple[str, ...] = ()
    now_function: str | None = None
    source: str = ""


@dataclass(frozen=True)
class View:
    """A view's query, read where it stands in place of the view; its names are found as they were when it was made."""

    name: Name
    query: Node
    columns: tuple[str, ...] = ()
    search_path: tuple[str, ...] = DEFAULT_SEARCH_PATH


@dataclass(frozen=True)
class Function:
    name: Name
    volatility: str = "volatile"
    returns: str | None = None


@dataclass
class Known:
    """Filled while learning, then only read."""

    hypertables: dict[Name, Hypertable] = field(default_factory=dict)
    tables: dict[Name, dict[str, str]] = field(default_factory=dict)
    views: dict[Name, View] = field(default_factory=dict)
    functions: dict[Name, Function] = field(default_factory=dict)
    search_path: tuple[str, ...] = DEFAULT_SEARCH_PATH
    models: dict[str, Model] = field(default_factory=dict)  # SQLAlchemy's classes and tables by their names
    extended: set[str] = field(default_factory=set)  # names that some file builds further and does not bind
    revisions: dict[str, Step] = field(default_factory=dict)  # migrations by their absolute paths

    def candidates(self, schema: str | None, name: str, search_path: Sequence[str]) -> Iterator[Name]:
        if schema:
            yield Name(schema, name)
        else:
            for one in search_path:
                yield Name(one, name)

    def hypertable(self, schema: str | None, name: str, search_path: Sequence[str] | None = None) -> Hypertable | None:
        for candidate in self.candidates(schema, name, search_path or self.search_path):
            if candidate in self.hypertables:
                return self.hypertables[candidate]
            if candidate in self.tables or candidate in self.views:
                return None  # an earlier schema of the path hides a later one
        return None

    def view(self, schema: str | None, name: str, search_path: Sequence[str] | None = None) -> View | None:
        for candidate in self.candidates(schema, name, search_path or self.search_path):
            if candidate in self.views:
                return self.views[candidate]
            if candidate in self.tables or candidate in self.hypertables:
                return None
        return None

    def columns(self, schema: str | None, name: str, search_path: Sequence[str] | None = None) -> dict[str, str] | None:
        """The columns of a table with their types, where known."""
        for candidate in self.candidates(schema, name, search_path or self.search_path):
            if candidate in self.tables:
                return self.tables[candidate]
        return None

    def function(self, schema: str | None, name: str, search_path: Sequence[str] | None = None) -> Function | None:
        for candidate in self.candidates(schema, name, search_path or self.search_path):
            if candidate in self.functions:
                return self.functions[candidate]
        return None

    def names(self) -> frozenset[str]:
        """What a statement has to mention to touch a hypertable, lower case: hypertables and views."""
        return frozenset(name.name.lower() for name in (*self.hypertables, *self.views))

    def words(self) -> frozenset[str]:
        """Every name of a table, column, function, type or schema that is known, as it is written without quotes."""
        found = {*self.search_path}
        for name in (*self.hypertables, *self.tables, *self.views, *self.functions):
            found |= {name.schema, name.name}
        for one in self.hypertables.values():
            found |= {one.column, one.type, *one.dimensions, *(one.columns or ())}
        for columns in self.tables.values():
            found |= {*columns, *columns.values()}
        for function in self.functions.values():
            found.add(function.returns or "")
        for view in self.views.values():
            found |= {*view.columns, *_written(view.query)}
        return frozenset(found)


def _written(query: Node) -> Iterator[str]:
    """Every text in a query: its columns are named by some of them."""
    waiting: list[object] = [query]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, (list, dict)):
            waiting += one.values() if isinstance(one, dict) else one
