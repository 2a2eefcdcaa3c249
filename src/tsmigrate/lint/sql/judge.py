"""How much of each hypertable a statement reads: bounds gathered, spread over equal columns, pushed into subqueries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tsmigrate.lint.known import Hypertable
from tsmigrate.lint.sql.predicates import Bound, Predicate, Seen, Trouble
from tsmigrate.lint.sql.relation import Barrier, Domain, Join, Level, Output, Relation, Tree
from tsmigrate.lint.sql.values import Shape, Var, When

_NOTHING: frozenset[Relation] = frozenset()


@dataclass(slots=True, eq=False)
class Reading:
    """One hypertable, where a statement reads it, and everything that decides how much of it."""

    relation: Relation
    level: Level
    bounds: list[Bound] = field(default_factory=list)  # on the partition column, or = on a further dimension
    late: list[Bound] = field(default_factory=list)  # bounds that an UPDATE … FROM learns too late
    troubles: list[Seen] = field(default_factory=list)
    equal: list[Var] = field(default_factory=list)  # columns that the partition column is equated with
    others: list[Relation] = field(default_factory=list)  # joined to it
    barrier: Barrier | None = None
    outer: bool = False  # the nullable side of an outer join
    bounded_partner: Var | None = None  # the equated column across the outer join that has a bound
    few: bool = False
    filtered: bool = False  # something else restricts its rows
    unknown: bool = False

    @property
    def table(self) -> Hypertable:
        assert self.relation.table is not None  # noqa: S101 - only hypertables are read
        return self.relation.table

    @property
    def prunes(self) -> bool:
        if self.bounds:
            return True
        return self.few and (self.barrier is None or self.level.in_order)


@dataclass(slots=True)
class _Pushed:
    predicates: list[Predicate] = field(default_factory=list)
    barriers: list[tuple[Var, Barrier]] = field(default_factory=list)


def readings(level: Level) -> list[Reading]:
    """Every hypertable that the level and its subqueries read, in the order in which the statement names them."""
    found: list[Reading] = []
    _solve(level, {}, set(), found)
    found.sort(key=lambda reading: reading.relation.location)
    return found


def _solve(level: Level, pushed: dict[Level, _Pushed], done: set[Level], found: list[Reading]) -> None:
    if level in done:
        return
    done.add(level)
    mine = pushed.get(level, _Pushed())
    if level.branches:
        for branch in level.branches:
            _into_branch(level, branch, mine, pushed)
    top = Domain(None)
    top.predicates += level.predicates + mine.predicates
    strict = _strict(top.predicates)
    domains = [top]
    _enter(level.tree, top, strict, domains)
    solved = [_Solved(domain) for domain in domains]
    for one in solved:
        one.spread(solved[domains.index(one.domain.parent)] if one.domain.parent else None)
    by_domain = dict(zip(domains, solved, strict=True))
    for relation in level.relations:
        its = by_domain.get(relation.domain or top, solved[0])
        if relation.table is not None:
            found.append(_reading(relation, level, its, by_domain, mine))
        elif relation.subquery is not None:
            _push(relation, its, pushed)
    for child in (*(r.subquery for r in level.relations if r.subquery), *level.branches, *level.children):
        _solve(child, pushed, done, found)


def _strict(predicates: list[Predicate]) -> frozenset[Relation]:
    return frozenset().union(*(one.strict for one in predicates)) if predicates else _NOTHING


def _enter(tree: Tree | None, domain: Domain, strict: frozenset[Relation], domains: list[Domain]) -> None:
    """Give each relation its domain. An outer join whose nullable side must have a row is an inner join."""
    if tree is None:
        return
    if tree.relation is not None:
        tree.relation.domain = domain
        return
    join = tree.join
    if join is Join.LEFT and strict and not strict.isdisjoint(_relations(tree.right)):
        join = Join.INNER
    if join is Join.FULL:
        sides = [not strict.isdisjoint(_relations(side)) for side in (tree.left, tree.right)]
        if all(sides):
            join = Join.INNER
        elif any(sides):
            join = Join.LEFT
            if sides[1]:
                tree = Tree(join=join, left=tree.right, right=tree.left, on=tree.on)
    if join in (Join.INNER, Join.SEMI):
        domain.predicates += tree.on
        strict |= _strict(tree.on)
        _enter(tree.left, domain, strict, domains)
        _enter(tree.right, domain, strict, domains)
        return
    if join is Join.FULL:
        for side in (tree.left, tree.right):
            alone = Domain(domain, Join.FULL)
            domains.append(alone)
            _enter(side, alone, _NOTHING, domains)
        return
    _enter(tree.left, domain, strict, domains)
    nullable = Domain(domain, join)
    nullable.predicates += tree.on
    domains.append(nullable)
    _enter(tree.right, nullable, strict | _strict(tree.on), domains)


def _relations(tree: Tree | None) -> Iterator[Relation]:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if one is None:
            continue
        if one.relation is not None:
            yield one.relation
        waiting += (one.left, one.right)


class _Solved:
    """The bounds of a domain's columns, after spreading them over the columns that are equal."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.same: dict[Var, set[Var]] = {}  # all columns that are equal, by way of others too
        self.next: dict[Var, set[Var]] = {}  # those equated directly
        self.bounds: dict[Var, list[Bound]] = {}
        self.across: list[tuple[Var, Var]] = []  # equated with a column outside: (inside, outside)
        for predicate in domain.predicates:
            for bound in predicate.bounds:
                if self._mine(bound.var):
                    self.bounds.setdefault(bound.var, []).append(bound)
            if predicate.equal:
                self._equate(*predicate.equal)

    def _mine(self, var: Var) -> bool:
        # A level without a join tree (VALUES, a write's child) has relations without a domain: they are its own.
        return var.relation.domain is self.domain or var.relation.domain is None

    def _equate(self, one: Var, other: Var) -> None:
        if self._mine(one) and self._mine(other):
            together = self.same.get(one, {one}) | self.same.get(other, {other})
            for var in together:
                self.same[var] = together
            self.next.setdefault(one, set()).add(other)
            self.next.setdefault(other, set()).add(one)
        elif self._mine(one):
            self.across.append((one, other))
        elif self._mine(other):
            self.across.append((other, one))

    def of(self, var: Var) -> list[Bound]:
        """The bounds of a column, its own first.

        A constant reaches every equal column, for PostgreSQL spreads it. A range reaches the columns equated directly,
        for TimescaleDB hands it on for reading, not for writing.
        """
        found = list(self.bounds.get(var, ()))
        direct = self.next.get(var, ()) if var.relation.role == "read" else ()
        for other in self.same.get(var, ()):
            if other != var:
                found += (
                    replace(bound, var=var)
                    for bound in self.bounds.get(other, ())
                    if other in direct or (bound.operator == "=" and bound.shape is Shape.COLUMN)
                )
        return found

    def spread(self, parent: _Solved | None) -> None:
        """Across an outer join only a constant that a column *equals* is handed on, not a range."""
        if parent is None or self.domain.join is Join.FULL:
            return
        for inside, outside in self.across:
            for bound in parent.of(outside):
                if bound.operator == "=" and bound.shape is Shape.COLUMN:
                    self.bounds.setdefault(inside, []).append(replace(bound, var=inside))


def _reading(
    relation: Relation, level: Level, its: _Solved, by_domain: dict[Domain, _Solved], mine: _Pushed
) -> Reading:
    table = relation.table
    assert table is not None  # noqa: S101 - the caller has looked
    var = Var(relation, table.column)
    reading = Reading(relation, level, few=relation in level.few or _empty(by_domain))
    bounds = its.of(var)
    for name in table.dimensions:
        bounds += [
            bound
            for bound in its.of(Var(relation, name))
            if bound.operator in ("=", "in") and bound.when is not When.RUNTIME
        ]
    if level.joined_write and relation.role != "read":
        reading.late = [bound for bound in bounds if bound.when is not When.PLAN]
        bounds = [bound for bound in bounds if bound.when is When.PLAN]
    reading.bounds = bounds
    reading.equal = [other for other in its.same.get(var, ()) if other != var]
    reading.equal += [outside for inside, outside in its.across if inside == var]
    reading.outer = its.domain.join in (Join.LEFT, Join.ANTI, Join.FULL)
    if its.domain.parent is not None:
        parent = by_domain[its.domain.parent]
        partners = [outside for inside, outside in its.across if inside == var and parent.of(outside)]
        reading.bounded_partner = partners[0] if partners else None
    reading.others = [other for other in level.relations if other is not relation]
    reading.barrier = next((barrier for blocked, barrier in mine.barriers if blocked == var), None)
    for domain, solved in by_domain.items():
        for predicate in domain.predicates:
            reading.unknown = reading.unknown or predicate.unknown
            reading.troubles += [seen for seen in predicate.troubles if seen.var == var]
            reading.filtered = reading.filtered or any(read.relation is relation for read in predicate.reads)
        del solved
    reading.unknown = reading.unknown or level.unknown
    return reading


def _empty(by_domain: dict[Domain, _Solved]) -> bool:
    """WHERE false."""
    return any(predicate.never for domain in by_domain for predicate in domain.predicates if domain.parent is None)


# -- into subqueries -------------------------------------------------------------------------------------------------


def _push(relation: Relation, its: _Solved, pushed: dict[Level, _Pushed]) -> None:
    """Hand the bounds of a subquery's columns to the subquery, as far as the planner can."""
    level = relation.subquery
    assert level is not None  # noqa: S101 - the caller has looked
    into = pushed.setdefault(level, _Pushed())
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


def _hand_over(output: Output, bounds: list[Bound], level: Level, into: _Pushed) -> None:
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


def _into_branch(level: Level, branch: Level, mine: _Pushed, pushed: dict[Level, _Pushed]) -> None:
    """A bound on a set operation's column goes to the same column of each branch."""
    names = [output.name for output in level.outputs]
    into = pushed.setdefault(branch, _Pushed())
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
