"""How much of each hypertable a statement reads: bounds gathered, spread over equal columns, pushed into subqueries."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmigrate.lint.known import Hypertable
from tsmigrate.lint.sql.bounds import Bound, Seen
from tsmigrate.lint.sql.domains import Solved, enter, strict_relations
from tsmigrate.lint.sql.pushdown import Pushed, into_branch, push
from tsmigrate.lint.sql.relation import Barrier, Domain, Join, Level, Relation
from tsmigrate.lint.sql.values import Var, When


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


def readings(level: Level) -> list[Reading]:
    """Every hypertable that the level and its subqueries read, in the order in which the statement names them."""
    found: list[Reading] = []
    _solve(level, {}, set(), found)
    found.sort(key=lambda reading: reading.relation.location)
    return found


def _solve(level: Level, pushed: dict[Level, Pushed], done: set[Level], found: list[Reading]) -> None:
    if level in done:
        return
    done.add(level)
    mine = pushed.get(level, Pushed())
    if level.branches:
        for branch in level.branches:
            into_branch(level, branch, mine, pushed)
    top = Domain(None)
    top.predicates += level.predicates + mine.predicates
    strict = strict_relations(top.predicates)
    domains = [top]
    enter(level.tree, top, strict, domains)
    solved = [Solved(domain) for domain in domains]
    for one in solved:
        one.spread(solved[domains.index(one.domain.parent)] if one.domain.parent else None)
    by_domain = dict(zip(domains, solved, strict=True))
    for relation in level.relations:
        its = by_domain.get(relation.domain or top, solved[0])
        if relation.table is not None:
            found.append(_reading(relation, level, its, by_domain, mine))
        elif relation.subquery is not None:
            push(relation, its, pushed)
    for child in (*(r.subquery for r in level.relations if r.subquery), *level.branches, *level.children):
        _solve(child, pushed, done, found)


def _reading(relation: Relation, level: Level, its: Solved, by_domain: dict[Domain, Solved], mine: Pushed) -> Reading:
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
    for domain in by_domain:
        for predicate in domain.predicates:
            reading.unknown = reading.unknown or predicate.unknown
            reading.troubles += [seen for seen in predicate.troubles if seen.var == var]
            reading.filtered = reading.filtered or any(read.relation is relation for read in predicate.reads)
    reading.unknown = reading.unknown or level.unknown
    return reading


def _empty(by_domain: dict[Domain, Solved]) -> bool:
    """WHERE false."""
    return any(predicate.never for domain in by_domain for predicate in domain.predicates if domain.parent is None)
