"""`a.b(…).c(…)`: chains of calls, and what names stand for in the function around them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from tsmigrate.lint.sources.program import statements_of

# What takes a statement and runs it as it is.
_RUNS = frozenset(
    {
        "execute",
        "scalars",
        "scalar",
        "stream",
        "stream_scalars",
        "exec",
        "fetch_all",
        "fetch_one",
        "fetch_val",
        "iterate",
    }
    | {"read_sql", "read_sql_query", "print", "str", "list", "len"}
)


ASKS = frozenset({"any", "has"})  # whether a relationship leads to a row


@dataclass(frozen=True)
class Link:
    """One `.name` or `.name(…)` of a chain."""

    name: str
    call: ast.Call | None = None

    @property
    def args(self) -> list[ast.expr]:
        return self.call.args if self.call else []

    @property
    def keywords(self) -> list[ast.keyword]:
        return self.call.keywords if self.call else []


@dataclass(frozen=True)
class Chain:
    """Its links from first to last, and the expression that they begin with; a plain call begins with nothing.

    What is called without a name, `f()()`, has no links.
    """

    root: ast.expr | None
    links: tuple[Link, ...]

    def has(self, *names: str) -> bool:
        return any(link.name in names and link.call for link in self.links)

    def without_last(self) -> Chain:
        return replace(self, links=self.links[:-1])


def chain(node: ast.expr) -> Chain:
    links: list[Link] = []
    one: ast.expr = node
    while True:
        call = one if isinstance(one, ast.Call) else None
        function = one.func if isinstance(one, ast.Call) else one
        if isinstance(function, ast.Attribute):
            links.append(Link(function.attr, call))
            one = function.value
        elif call is not None and isinstance(function, ast.Name):
            links.append(Link(function.id, call))
            return Chain(None, tuple(reversed(links)))
        else:
            return Chain(one, tuple(reversed(links)))


@dataclass
class Names:
    """What the names of one function, class or module stand for."""

    scope: ast.AST
    outer: Names | None = None
    extended: Set[str] = frozenset()  # of a module: built further in other files
    _blocks: dict[str, list[tuple[ast.stmt, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arguments = getattr(self.scope, "args", None)
        if isinstance(arguments, ast.arguments) and isinstance(self.scope, ast.stmt):
            for one in ast.walk(arguments):
                if isinstance(one, ast.arg):
                    self._blocks[one.arg] = [(self.scope, 0)]
        for node in statements_of(self.scope):
            for target in _targets(node):
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        self._blocks.setdefault(name.id, []).append((node, self._block_of.get(id(node), 0)))
        for found in self._blocks.values():
            found.sort(key=lambda one: one[0].lineno)

    @cached_property
    def _block_of(self) -> dict[int, int]:
        """The list of statements that each statement stands in."""
        found: dict[int, int] = {}
        for node in (self.scope, *statements_of(self.scope)):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    found |= {id(one): id(block) for one in block}
        return found

    def value(self, name: str, line: int) -> ast.expr | None:
        """What a name stands for on a line, where it is bound once and before. None: not known."""
        found = self._blocks.get(name)
        if found is None:
            return self.outer.value(name, 1 << 30) if self.outer else None
        node = found[0][0]
        if len(found) > 1 or not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.lineno >= line:
            return None
        return node.value

    def grown(self, name: str, line: int) -> Chain | None:
        """The chain that a name stands for on a line: bound, and then bound again to more of itself, always in the same
        block. None: not known, or a branch decides.
        """
        found = self._blocks.get(name)
        if found is None:
            return self.outer.grown(name, 1 << 30) if self.outer else None
        made: Chain | None = None
        for node, block in found:
            if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None or block != found[0][1]:
                return None
            if node.lineno >= line:
                continue
            one = chain(node.value)
            if made is None:
                made = one
            elif isinstance(one.root, ast.Name) and one.root.id == name:
                made = replace(made, links=made.links + one.links)
            else:
                return None
        return made

    def is_final(self, node: ast.stmt, name: str) -> bool:
        """Whether nothing in sight uses what `node` binds to `name`: then it is judged where it stands."""
        return self._blocks[name][-1][0] is node and name not in self._loaded and name not in self.extended

    @cached_property
    def _loaded(self) -> frozenset[str]:
        nodes = ast.walk(self.scope)
        return frozenset(one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load))


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return [one.optional_vars for one in node.items if one.optional_vars is not None]
    target = getattr(node, "target", None)
    return [target] if isinstance(target, ast.expr) else []


def runs(link: Link) -> bool:
    """Whether a call runs the statements that are given to it, and does not build them further."""
    return link.name in _RUNS


def arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (word.value for word in call.keywords)


def owners(node: ast.expr) -> Iterator[ast.expr]:
    """Whose columns an expression reads: `A` in `A.x`, `a.c.x` and `models.A.x`; not those in subqueries."""
    waiting: list[ast.AST] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Call) and is_query(one):
            continue
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in ASKS:
            one = one.func  # what is asked there is asked of another table
        if isinstance(one, ast.Attribute) and isinstance(one.value, (ast.Name, ast.Attribute)):
            yield one.value
        waiting += ast.iter_child_nodes(one)


def is_query(node: ast.Call) -> bool:
    """Whether a call makes a query of its own."""
    return chain(node).has("select", "query", "exists")
