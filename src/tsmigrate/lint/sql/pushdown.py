"""Bounds on a subquery's columns, handed to the subquery as far as the planner can."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tsmigrate.lint.sql.bounds import Bound, Predicate, Seen, Trouble
from tsmigrate.lint.sql.domains import Solved
from tsmigrate.lint.sql.relation import Barrier, Level, Output, Relation
from tsmigrate.lint.sql.values import Shape, Var


@dataclass(slots=True)
class Pushed:
    predicates: list[Predicate] = field(default_factory=list)
    barriers: list[tuple[Var, Barrier]] = field(default_factory=list)


def push(relation: Relation, its: Solved, pushed: dict[Level, Pushed]) -> None:
    """Hand the bounds of a subquery's columns to the subquery, as far as the planner can."""
    level = relation.subquery
    assert level is not None  # noqa: S101 - the caller has looked
    into = pushed.setdefault(level, Pushed())
    columns = {var.column for var in (*its.bounds, *its.same) if var.relation is relation}
    for column in columns:
        output = level.find(column)
        bounds = its.of(Var(relation, column))
        if output is not None and bounds:
            _hand_over(output, bounds, level, into)
    for predicate in its.domain.predicates:
        for seen in predicate.troubles:
            if seen.var.relation is relation and (output := level.find(seen.var.column)) is not None:
                into.predicates.append(_retold(seen, output))


def _retold(seen: Seen, output: Output) -> Predicate:
    """A trouble with a subquery's column, as one with the column inside."""
    inside = output.value.var
    return Predicate(troubles=[replace(seen, var=inside)] if inside else [])


def _hand_over(output: Output, bounds: list[Bound], level: Level, into: Pushed) -> None:
    if level.branches:
        # Whichever columns the branches have in this place: they are found when the branches are solved.
        if output.barrier is None:
            into.predicates.append(Predicate(bounds=[replace(bound) for bound in bounds]))
        else:
            into.barriers += [(bound.var, output.barrier) for bound in bounds[:1]]
        return
    value, inside = output.value, output.value.var
    for bound in bounds:
        if output.barrier is not None:
            into.barriers += [(var, output.barrier) for var in value.vars]
        elif inside is None:
            troubles = [Seen(Trouble.WRAPPED, var, bound.location, value.wrapped_by) for var in value.vars]
            into.predicates.append(Predicate(troubles=troubles))
        elif value.shape is Shape.COLUMN:
            into.predicates.append(Predicate(bounds=[replace(bound, var=inside)]))
        elif value.shape is Shape.BUCKET and bound.operator not in ("=", "in"):
            into.predicates.append(Predicate(bounds=[replace(bound, var=inside, shape=Shape.BUCKET)]))
        elif value.shape is Shape.BUCKET:
            into.predicates.append(Predicate(troubles=[Seen(Trouble.BUCKET_EQUALITY, inside, bound.location)]))
        else:
            seen = Seen(Trouble.WRAPPED, inside, bound.location, value.wrapped_by)
            into.predicates.append(Predicate(troubles=[seen]))


def into_branch(level: Level, branch: Level, mine: Pushed, pushed: dict[Level, Pushed]) -> None:
    """A bound on a set operation's column goes to the same column of each branch."""
    names = [output.name for output in level.outputs]
    into = pushed.setdefault(branch, Pushed())
    for predicate in mine.predicates:
        for bound in predicate.bounds:
            output = _counterpart(level, branch, bound.var.column, names)
            if output is not None:
                _hand_over(output, [bound], branch, into)
    for var, barrier in mine.barriers:
        output = _counterpart(level, branch, var.column, names)
        if output is not None:
            into.barriers += [(inside, barrier) for inside in output.value.vars]


def _counterpart(level: Level, branch: Level, column: str, names: list[str]) -> Output | None:
    if column in names and not level.open and not branch.open and names.index(column) < len(branch.outputs):
        return branch.outputs[names.index(column)]
    return branch.find(column)
