"""What a condition says about columns: bounds, equalities, and what keeps a predicate from being a bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from tsmigrate.lint.sql.values import Shape, Value, Var, When

if TYPE_CHECKING:
    from tsmigrate.lint.sql.relation import Relation


class Trouble(Enum):
    """Why a predicate that reads a column does not bound it."""

    WRAPPED = auto()
    BUCKET_EQUALITY = auto()
    ROW = auto()
    OR = auto()
    OPTIONAL = auto()
    VOLATILE = auto()
    CROSS_TYPE = auto()
    RANGE_OPERATOR = auto()
    JOINED = auto()  # compared with another table's column only
    SUBQUERY = auto()  # IN (SELECT …)
    NOT_EQUAL = auto()


@dataclass(frozen=True, slots=True)
class Seen:
    """One trouble: with which column, and where."""

    trouble: Trouble
    var: Var
    location: int
    what: str = ""
    other: Var | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A column compared with something known without reading the table."""

    var: Var
    when: When
    operator: str  # one of = < <= > >=, or "in"
    shape: Shape = Shape.COLUMN
    location: int = -1
    value_location: int = -1
    flipped: bool = False  # the column stands on the right
    is_now: bool = False
    type: str | None = None

    @property
    def lower(self) -> bool:
        return self.operator in ("=", "in", ">", ">=")


@dataclass(slots=True)
class Predicate:
    bounds: list[Bound] = field(default_factory=list)
    equal: tuple[Var, Var] | None = None
    troubles: list[Seen] = field(default_factory=list)
    strict: frozenset[Relation] = frozenset()
    reads: frozenset[Var] = frozenset()
    unknown: bool = False
    null_test: bool = False  # $1 IS NULL
    never: bool = False  # false
    location: int = -1


def relations(found: Value) -> frozenset[Relation]:
    return frozenset(var.relation for var in found.vars)


def either(branches: list[list[Predicate]], location: int) -> Predicate:
    """OR bounds a column that every branch bounds."""
    bounded = [{bound.var: bound for one in branch for bound in one.bounds} for branch in branches]
    everywhere = set.intersection(*(set(branch) for branch in bounded))
    found = Predicate(location=location)
    for var in everywhere:
        latest = max((branch[var] for branch in bounded), key=lambda bound: bound.when)
        operator = ">=" if all(branch[var].lower for branch in bounded) else "<="
        found.bounds.append(Bound(var, latest.when, operator, Shape.BUCKET, latest.location, type=latest.type))
    for one in (one for branch in branches for one in branch):
        found.reads |= one.reads
        found.unknown = found.unknown or one.unknown
    optional = any(one.null_test for branch in branches for one in branch)
    somewhere = {var: bound for branch in bounded for var, bound in branch.items() if var not in everywhere}
    for var, bound in somewhere.items():
        missing = [branch for branch, its in zip(branches, bounded, strict=True) if var not in its]
        only_nulls = optional and all(any(one.null_test for one in branch) for branch in missing)
        trouble = Trouble.OPTIONAL if only_nulls else Trouble.OR
        found.troubles.append(Seen(trouble, var, bound.location))
    inner = [seen for branch in branches for one in branch for seen in one.troubles]
    found.troubles += [seen for seen in inner if seen.var not in everywhere]
    if branches and all(branches):
        strict = [frozenset().union(*(one.strict for one in branch)) for branch in branches]
        found.strict = frozenset.intersection(*strict)
    return found
