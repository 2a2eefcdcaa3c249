"""Which parts of a program are worth walking: those on whose lines a hypertable is named."""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class Relevant:
    def __init__(self, places: Iterable[int], line_starts: Sequence[int]) -> None:
        self._lines = sorted({bisect_right(line_starts, place) for place in places})

    def holds(self, node: ast.AST) -> bool:
        """Whether one of the lines of `node` names a hypertable. Nodes without lines belong to what is around them."""
        first = getattr(node, "lineno", None)
        if first is None:
            return True
        found = bisect_left(self._lines, first)
        return found < len(self._lines) and self._lines[found] <= (getattr(node, "end_lineno", None) or first)


def statements_of(scope: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function, a class or a module itself, not those of the functions and classes in it."""
    waiting: list[ast.AST] = [scope]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt) and node is not scope:
            yield node
            if isinstance(node, _SCOPES):
                continue
        for block in _BLOCKS:
            waiting += getattr(node, block, ())
