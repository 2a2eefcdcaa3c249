"""UNION and its kin: `union(a, b)`, `a.union_all(b)`."""

from __future__ import annotations

import ast

from tsmigrate.lint.sources.sqlalchemy.chain import Chain, Link, Names, chain
from tsmigrate.lint.sources.sqlalchemy.query import MODULES, AnythingError, Query, Reader

SETS = {
    "union": "UNION",
    "union_all": "UNION ALL",
    "intersect": "INTERSECT",
    "intersect_all": "INTERSECT ALL",
    "except_": "EXCEPT",
    "except_all": "EXCEPT ALL",
}
# What may stand after the sets are put together and leaves their rows as they are.
_AFTER = frozenset({"order_by", "limit", "offset", "fetch", "subquery", "cte", "alias", "lateral", "scalar_subquery"})
_AFTER |= {"all", "one", "one_or_none", "first", "scalar", "scalars", "execution_options", "options"}


def makes_set(made: Chain) -> bool:
    """Whether a chain puts statements together: not the union of two sets of Python."""
    return any(_begins(made, number) for number, link in enumerate(made.links) if link.name in SETS)


def _begins(made: Chain, number: int) -> bool:
    if number == 0:
        return made.root is None or getattr(made.root, "id", "") in MODULES
    before = made.links[:number]
    return (
        any(link.call and link.name in ("select", "query", *SETS) for link in before) or made.links[0].name in MODULES
    )


def read(made: Chain, names: Names, reader: Reader, outer: Query | None = None) -> Query | None:
    """A chain that puts statements together. None: none of them is about a known table.

    Raises AnythingError where it cannot be followed.
    """
    number = next(number for number, link in enumerate(made.links) if link.name in SETS and _begins(made, number))
    link, rest = made.links[number], made.links[number + 1 :]
    parts = [_part(one, names, reader, outer) for one in link.args]
    before = Chain(made.root, made.links[:number])
    if any(one.name in ("select", "query", *SETS) for one in before.links):
        parts.insert(0, _chained(before, names, reader, outer))
    whole = Query(names, outer, word=SETS[link.name], parts=[one for one in parts if one is not None])
    if len(whole.parts) != len(parts) or not parts:
        if not whole.parts:
            return None
        raise AnythingError  # one part is not known, and with it the columns of all
    whole.first = whole.parts[0].first
    for one in rest:
        _after(whole, one)
    return whole


def _part(node: ast.expr, names: Names, reader: Reader, outer: Query | None) -> Query | None:
    if isinstance(node, ast.Starred):
        raise AnythingError
    made = names.grown(node.id, node.lineno) if isinstance(node, ast.Name) else chain(node)
    if made is None:
        raise AnythingError
    return _chained(made, names, reader, outer)


def _chained(made: Chain, names: Names, reader: Reader, outer: Query | None) -> Query | None:
    if isinstance(made.root, ast.Name) and (before := names.grown(made.root.id, made.root.lineno)) is not None:
        made = Chain(before.root, before.links + made.links)
    return read(made, names, reader, outer) if makes_set(made) else reader.read(made, names, outer)


def _after(whole: Query, link: Link) -> None:
    if link.name not in _AFTER:
        raise AnythingError  # a Query may be filtered again: by which columns of which part is not told
    if link.name == "order_by":
        whole.order = whole.order or list(link.args)
    elif link.name in ("limit", "fetch", "first"):
        whole.limited = True
