"""Names to columns: aliases, unqualified columns, USING, outer queries, and variables of functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Protocol

from tsmigrate.lint.sql.relation import Level, Relation, Tree
from tsmigrate.lint.sql.values import Shape, Value, Var, When

if TYPE_CHECKING:
    from tsmigrate.lint.known import Known
    from tsmigrate.lint.sql.common_tables import CommonTable
    from tsmigrate.lint.target import Target


class Source(Protocol):
    """What an alias in FROM stands for."""

    def column(self, name: str) -> Value | None:
        """The column of this name, if it has or may have one."""

    def surely(self, name: str) -> bool:
        """Whether it is known to have the column."""

    def complete(self) -> list[tuple[str, Value]] | None:
        """All columns, where they are known."""


@dataclass(slots=True)
class TableSource:
    relation: Relation
    columns: Mapping[str, str] | None  # to their types

    def column(self, name: str) -> Value | None:
        if self.columns is not None and name not in self.columns:
            return None
        table = self.relation.table
        type_ = self.columns.get(name) if self.columns else None
        if table and name == table.column:
            type_ = table.type
        return Value(
            when=When.PLAN, vars=frozenset((Var(self.relation, name),)), shape=Shape.COLUMN, type=type_ or None
        )

    def surely(self, name: str) -> bool:
        if self.columns is not None:
            return name in self.columns
        table = self.relation.table
        return table is not None and (name == table.column or name in table.dimensions)

    def complete(self) -> list[tuple[str, Value]] | None:
        if self.columns is None:
            return None
        return [(name, value) for name in self.columns if (value := self.column(name))]


@dataclass(slots=True)
class SubquerySource:
    """A subquery that stays one: its columns are columns of the relation."""

    relation: Relation
    renamed: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Value | None:
        level = self.relation.subquery
        inner = self.renamed.get(name, name)
        output = level.find(inner) if level else None
        if output is None:
            return None
        return Value(vars=frozenset((Var(self.relation, inner),)), shape=Shape.COLUMN, type=output.value.type)

    def surely(self, name: str) -> bool:
        level = self.relation.subquery
        inner = self.renamed.get(name, name)
        if level is None:
            return False
        return any(one.name == inner for one in level.outputs) or any(one.surely(inner) for one in level.open)

    def complete(self) -> list[tuple[str, Value]] | None:
        level = self.relation.subquery
        if level is None or level.open:
            return None
        outer = {inner: name for name, inner in self.renamed.items()}
        names = [outer.get(one.name, one.name) for one in level.outputs]
        return [(name, value) for name in names if (value := self.column(name))]


@dataclass(slots=True)
class ColumnSource:
    """A pulled-up subquery, or one that stays: named columns, and open sources whose columns are not all known."""

    named: dict[str, Value]
    open: list[Source] = field(default_factory=list)

    def column(self, name: str) -> Value | None:
        if name in self.named:
            return self.named[name]
        return among(self.open, name)

    def surely(self, name: str) -> bool:
        return name in self.named or any(source.surely(name) for source in self.open)

    def complete(self) -> list[tuple[str, Value]] | None:
        return None if self.open else list(self.named.items())


def among(sources: Iterable[Source], name: str) -> Value | None:
    """The column in the one source that surely has it, or else in the only one that may."""
    may = []
    for source in sources:
        if source.surely(name):
            return source.column(name)
        if (value := source.column(name)) is not None:
            may.append(value)
    if len(may) == 1:
        return may[0]
    if may:
        # One of several: a column of somewhere, and of no table in particular.
        return Value(vars=frozenset(var for value in may for var in value.vars), shape=Shape.WRAPPED, wrapped_by="?")
    return None


@dataclass(slots=True)
class Context:
    """What holds for a whole statement."""

    known: Known
    target: Target
    variables: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)
    parameter_types: tuple[str, ...] = ()
    search_path: tuple[str, ...] | None = None
    literal_parameters: bool = False  # the driver puts values into the text: a parameter is a literal
    holes: bool = False  # a lone parameter may stand for a whole condition
    depth: int = 0

    @property
    def parameter(self) -> When:
        """When a parameter's value is known."""
        return When.PLAN if self.literal_parameters else When.PARAMETER

    relations: Iterator[int] = field(default_factory=count)  # shared by all parts of a statement


@dataclass(slots=True, eq=False)
class Scope:
    context: Context
    level: Level
    outer: Scope | None = None  # whose columns may be named here
    enclosing: Scope | None = None  # whose common tables may be named here
    sources: dict[str, Source] = field(default_factory=dict)
    hidden: list[Source] = field(default_factory=list)  # reachable by bare column names only
    merged: dict[str, Value] = field(default_factory=dict)  # of USING and NATURAL
    tables: dict[str, CommonTable] = field(default_factory=dict)
    place: int | None = None  # inside a view: the view's place in the statement
    through_view: str = ""
    aliases: dict[str, Value] = field(default_factory=dict)  # of the SELECT list, for GROUP BY and ORDER BY
    joined: list[Tree] = field(default_factory=list)  # subqueries of WHERE that are joins

    def common_table(self, name: str) -> CommonTable | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.tables:
                return scope.tables[name]
            scope = scope.enclosing
        return None

    def column(self, fields: list[str]) -> Value:
        """The value of a column reference. What nothing declares is a parameter, or a column of somewhere."""
        if len(fields) == 1:
            return self._unqualified(fields[0])
        qualifier, name = fields[-2], fields[-1]
        scope: Scope | None = self
        while scope is not None:
            source = scope.sources.get(qualifier)
            if source is not None:
                return self._seen_from_here(source.column(name) or _somewhere(), scope)
            scope = scope.outer
        # NEW, OLD, a record variable, or a function's parameter by the function's name.
        return Value(when=self.context.parameter)

    def _unqualified(self, name: str) -> Value:
        scope: Scope | None = self
        variables = self.context.variables
        while scope is not None:
            value = scope.merged.get(name) or among([*scope.sources.values(), *scope.hidden], name)
            sure = value is not None and (
                name not in variables or any(source.surely(name) for source in scope.sources.values())
            )
            if value is not None and sure:
                return self._seen_from_here(value, scope)
            scope = scope.outer
        if name in variables:
            return Value(when=self.context.parameter, type=self.context.types.get(name))
        if name in self.sources:  # the whole row
            return _somewhere()
        return Value(when=self.context.parameter)

    def _seen_from_here(self, value: Value, owner: Scope) -> Value:
        """A column of an outer level is a parameter of this one, known while running."""
        if owner.level is self.level or not value.vars:
            return value
        scope: Scope | None = self
        while scope is not None and scope.level is not owner.level:
            scope.level.correlated = True
            scope = scope.outer
        return Value(when=When.RUNTIME, type=value.type, location=value.location, from_query=True)


def _somewhere() -> Value:
    return Value(vars=frozenset(), when=When.VOLATILE, wrapped_by="?")
