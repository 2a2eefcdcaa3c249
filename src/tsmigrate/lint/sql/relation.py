"""A query as the planner sees it: levels of relations, joined in domains, with predicates.

A *level* is what the planner plans in one go: a query with its simple subqueries and views pulled up into it. A
*domain* is a part of a level that is joined by inner joins only, so that a bound on a column also bounds the columns
equal to it; the nullable side of an outer join is a domain of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmigrate.lint.known import Hypertable
    from tsmigrate.lint.sql.bounds import Predicate
    from tsmigrate.lint.sql.scope import Source
    from tsmigrate.lint.sql.values import Value


class Barrier(Enum):
    """Why a predicate outside a subquery does not reach the table inside."""

    MATERIALIZED = "the CTE is materialised"
    TWICE = "the CTE is used more than once"
    RECURSIVE = "the CTE is recursive"
    LIMIT = "the subquery has LIMIT or OFFSET"
    DISTINCT_ON = "DISTINCT ON is by other columns"
    WINDOW = "a window function is partitioned by other columns"
    GROUPED = "the subquery groups by other columns"
    EXCEPT = "EXCEPT lets no predicate through"
    WRITES = "the CTE writes or locks rows"


class Join(Enum):
    INNER = auto()
    LEFT = auto()
    FULL = auto()
    SEMI = auto()
    ANTI = auto()


@dataclass(slots=True, eq=False)
class Relation:
    """One table, or one subquery that stays a subquery, where a level reads it."""

    name: str
    level: Level
    table: Hypertable | None = None
    subquery: Level | None = None
    label: str = ""  # how the query names the table, for messages
    location: int = 0
    end: int = 0
    role: str = "read"
    domain: Domain | None = None
    through_view: str = ""


@dataclass(slots=True, eq=False)
class Tree:
    """A FROM clause: a relation, or two trees joined. `on` holds the join's predicates, or a pulled-up WHERE's."""

    relation: Relation | None = None
    join: Join = Join.INNER
    left: Tree | None = None
    right: Tree | None = None
    on: list[Predicate] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Domain:
    """Relations joined by inner joins, and the predicates that hold for their rows."""

    parent: Domain | None
    join: Join = Join.INNER
    predicates: list[Predicate] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Output:
    """A column of a subquery: its value inside, and what keeps a predicate on it out of there."""

    name: str
    value: Value
    barrier: Barrier | None = None


@dataclass(slots=True, eq=False)
class Level:
    tree: Tree | None = None
    relations: list[Relation] = field(default_factory=list)
    branches: list[Level] = field(default_factory=list)  # of a set operation
    children: list[Level] = field(default_factory=list)  # subqueries in expressions, and common tables
    predicates: list[Predicate] = field(default_factory=list)  # WHERE, and HAVING by grouping columns
    outputs: list[Output] = field(default_factory=list)
    open: list[Source] = field(default_factory=list)  # stars over columns that are not all known
    barrier: Barrier | None = None  # to every predicate from outside
    grouped: bool = False
    partitions: list[list[Value]] = field(default_factory=list)  # of its window functions
    distinct_on: list[Value] | None = None
    few: frozenset[Relation] = frozenset()  # read only until enough rows are found, or at their ends only
    in_order: bool = False  # … by the partition column
    correlated: bool = False  # reads columns of an outer level
    unknown: bool = False  # a hole in the source may hold predicates
    statement: str = "SELECT"
    joined_write: bool = False  # UPDATE … FROM, DELETE … USING: bounds known late do not exclude
    filtered: bool = False

    def find(self, name: str) -> Output | None:
        """The column of this name; where a star is open, as the column it would be."""
        for output in self.outputs:
            if output.name == name:
                return output
        for source in self.open:
            value = source.column(name)
            if value is not None:
                return self.put(name, value)
        return None

    def put(self, name: str, value: Value) -> Output:
        output = Output(name, value, self._barrier_to(value))
        self.outputs.append(output)
        return output

    def _barrier_to(self, value: Value) -> Barrier | None:
        if self.barrier is not None:
            return self.barrier
        if self.grouped and value.aggregate:
            return Barrier.GROUPED
        if value.window or not all(_holds(partition, value) for partition in self.partitions):
            return Barrier.WINDOW
        if self.distinct_on is not None and not _holds(self.distinct_on, value):
            return Barrier.DISTINCT_ON
        return None


def _holds(values: list[Value], value: Value) -> bool:
    return any(one.vars == value.vars and one.shape is value.shape for one in values)
