"""Where a program makes statements with SQLAlchemy: every chain of calls that is run, or handed on as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tsmigrate.lint.sources.program import Program
from tsmigrate.lint.sources.sqlalchemy.chain import Chain, Names, arguments, chain, runs
from tsmigrate.lint.sources.sqlalchemy.sets import makes_set

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNS = (ast.Assign, ast.AnnAssign)
# What these make is a part of a statement that is written elsewhere.
PARTS = frozenset(
    {
        "subquery",
        "cte",
        "alias",
        "exists",
        "scalar_subquery",
        "correlate",
        "lateral",
        "as_scalar",
        "label",
        "in_",
        "not_in",
    }
)
# With one of these at its end a chain is run where it stands.
_ENDS = frozenset({"all", "one", "one_or_none", "scalar", "scalars", "count", "first", "get", "get_one"})
_WRITES = frozenset({"update", "delete"})  # … of a Query


@dataclass(frozen=True)
class Found:
    """A chain that may be a statement."""

    chain: Chain
    function: str
    names: Names
    line: int


def chains(program: Program) -> Iterator[Found]:
    waiting: list[tuple[ast.AST, str, Names]] = [(program.tree, "", Names(program.tree, extended=program.extended))]
    while waiting:
        node, function, names = waiting.pop()
        below: list[tuple[ast.AST, str, Names]] = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from _within(child, node, function, names)
            elif not isinstance(child, _SCOPES):
                below.append((child, function, names))
            elif program.is_relevant(child):
                inner = f"{function}.{child.name}" if function else child.name
                below.append((child, inner, Names(child, names)))
        waiting += reversed(below)


def _within(node: ast.expr, statement: ast.AST, function: str, names: Names) -> Iterator[Found]:
    """The chains in an expression of a statement. `closed`: what is made there is run, or used nowhere else."""
    waiting: list[tuple[ast.AST, bool]] = [(node, _is_closed(node, statement, names))]
    while waiting:
        one, closed = waiting.pop()
        if isinstance(one, ast.Lambda):
            continue
        if not isinstance(one, ast.Call):
            if isinstance(one, ast.Name):
                grown = names.grown(one.id, one.lineno) if closed else None
                if grown is not None and grown.links:
                    yield Found(grown, function, names, one.lineno)
                continue
            waiting += [(child, closed) for child in ast.iter_child_nodes(one)]
            continue
        made = chain(one)
        if not made.links:  # f()()
            waiting += [(child, False) for child in ast.iter_child_nodes(one)]
            continue
        full = _whole(made, names, one.lineno)
        last = made.links[-1]
        is_set = makes_set(full)
        if is_set or full.has("select", "update", "delete", "query", "get", "get_one") or full.links[0].name == "query":
            ended = last.name in _ENDS or (last.name in _WRITES and full.has("query"))
            if (closed or ended) and not full.has(*PARTS):
                yield Found(full, function, names, one.lineno)
            continue
        if isinstance(made.root, ast.expr) and not isinstance(made.root, ast.Name):
            waiting.append((made.root, True))
        for link in made.links:
            if link.call is not None:
                waiting += [(child, runs(link)) for child in arguments(link.call)]


def _whole(made: Chain, names: Names, line: int) -> Chain:
    """A chain that begins with a name, with the chain that the name stands for before it."""
    if isinstance(made.root, ast.Name) and (before := names.grown(made.root.id, line)) is not None:
        return replace(before, links=before.links + made.links)
    return made


def _is_closed(node: ast.expr, statement: ast.AST, names: Names) -> bool:
    if isinstance(statement, ast.Return):
        return False  # whoever called may build it further
    if isinstance(statement, _ASSIGNS):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        return isinstance(target, ast.Name) and node is statement.value and names.is_final(statement, target.id)
    return isinstance(statement, (ast.Expr, ast.For, ast.AsyncFor))
