"""What an expression is to the planner: how early its value is known, and which columns it reads and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tsmigrate.lint.sql.relation import Relation


class When(IntEnum):
    """How early a value without columns is known. A bound excludes chunks unless it is volatile."""

    PLAN = 0
    STARTUP = 1
    PARAMETER = 2  # PLAN or STARTUP, as the server decides
    RUNTIME = 3
    VOLATILE = 4


class Shape(IntEnum):
    """What is done to a column before it is compared."""

    NONE = 0
    COLUMN = 1  # nothing
    BUCKET = 2  # time_bucket, which the planner sees through for < <= > >=
    TRUNC = 3  # date_trunc, which it sees through for ORDER BY only
    WRAPPED = 4


class Var(NamedTuple):
    relation: Relation
    column: str


@dataclass(slots=True)
class Value:
    when: When = When.PLAN
    vars: frozenset[Var] = frozenset()
    shape: Shape = Shape.NONE
    type: str | None = None
    location: int = -1
    is_null_constant: bool = False
    is_literal: bool = False
    is_now: bool = False  # now() or now() ± a literal, which TimescaleDB folds at plan time
    wrapped_by: str = ""
    unknown: bool = False  # a hole in the source: anything may stand here
    row: list[Value] | None = field(default=None)
    from_query: bool = False
    aggregate: bool = False
    window: bool = False

    @property
    def var(self) -> Var | None:
        """The one column that this value is, bare, bucketed or truncated."""
        if self.shape in (Shape.COLUMN, Shape.BUCKET, Shape.TRUNC):
            for var in self.vars:
                return var
        return None


NO_VARS: frozenset[Var] = frozenset()


def combined(
    parts: Iterable[Value], *, by: str, location: int, when: When = When.PLAN, of_type: str | None = None
) -> Value:
    """The value of an expression over `parts`: as late as the latest of them; their columns are wrapped."""
    vars = NO_VARS  # noqa: A001
    unknown = aggregate = window = False
    for part in parts:
        when = max(when, part.when)
        if part.vars:
            vars = vars | part.vars if vars else part.vars  # noqa: A001
        unknown = unknown or part.unknown
        aggregate = aggregate or part.aggregate
        window = window or part.window
    return Value(
        when=when,
        vars=vars,
        shape=Shape.WRAPPED if vars else Shape.NONE,
        type=of_type,
        location=location,
        wrapped_by=by if vars else "",
        unknown=unknown,
        aggregate=aggregate,
        window=window,
    )
