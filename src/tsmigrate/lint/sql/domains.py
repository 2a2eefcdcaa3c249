"""Domains: relations of a level that inner joins hold together, and the bounds that spread over equal columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tsmigrate.lint.sql.bounds import Bound, Predicate
from tsmigrate.lint.sql.relation import Domain, Join, Relation, Tree
from tsmigrate.lint.sql.values import Shape, Var

NOTHING: frozenset[Relation] = frozenset()


def strict_relations(predicates: list[Predicate]) -> frozenset[Relation]:
    return frozenset().union(*(one.strict for one in predicates)) if predicates else NOTHING


def enter(tree: Tree | None, domain: Domain, strict: frozenset[Relation], domains: list[Domain]) -> None:
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
        strict |= strict_relations(tree.on)
        enter(tree.left, domain, strict, domains)
        enter(tree.right, domain, strict, domains)
        return
    if join is Join.FULL:
        for side in (tree.left, tree.right):
            alone = Domain(domain, Join.FULL)
            domains.append(alone)
            enter(side, alone, NOTHING, domains)
        return
    enter(tree.left, domain, strict, domains)
    nullable = Domain(domain, join)
    nullable.predicates += tree.on
    domains.append(nullable)
    enter(tree.right, nullable, strict | strict_relations(tree.on), domains)


def _relations(tree: Tree | None) -> Iterator[Relation]:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if one is None:
            continue
        if one.relation is not None:
            yield one.relation
        waiting += (one.left, one.right)


class Solved:
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

    def spread(self, parent: Solved | None) -> None:
        """Across an outer join only a constant that a column *equals* is handed on, not a range."""
        if parent is None or self.domain.join is Join.FULL:
            return
        for inside, outside in self.across:
            for bound in parent.of(outside):
                if bound.operator == "=" and bound.shape is Shape.COLUMN:
                    self.bounds.setdefault(inside, []).append(replace(bound, var=inside))
