"""A Python file as far as it speaks of hypertables: the part that is parsed, and the texts that names stand for."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from tsmigrate.lint.names import Names
from tsmigrate.lint.sources.outline import Outline, Part
from tsmigrate.lint.sources.source import UnreadableError

DEFINES = "create_continuous_aggregate"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class Program:
    """`content` is the file; the tree may be of a part of it, and its lines are that part's."""

    def __init__(self, content: bytes, names: Names) -> None:
        self.content = content
        self.extended = names.extended
        self._outline = Outline(content)
        self._read(names.places_in_program(content))
        self.constants = Constants(self._outline)
        # A name for a text about a table, or for a statement on a model, means it wherever it is used.
        aliases: set[str] = set()
        while more := {*self._aliases(names)} - aliases:
            aliases |= more
            self._read(names.places_in_program(content, [name.encode() for name in aliases]))

    def _aliases(self, names: Names) -> Iterator[str]:
        yield from (name for name, value in texts_of(self.tree) if names.within(value.encode()))
        for node in self.tree.body if names.models else ():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and self.is_relevant(node):
                yield from assigned(node)

    def _read(self, places: Sequence[int]) -> None:
        part = self._outline.around(places)
        try:
            if DEFINES.encode() in self.content:
                raise SyntaxError  # what it defines may stand anywhere in the module
            tree = ast.parse(part.text)
            if _grows(self.content, tree):
                raise SyntaxError  # so may what is added to a text
        except (SyntaxError, ValueError):
            part, tree = self._whole()
        except (RecursionError, MemoryError) as error:
            raise UnreadableError("not valid Python, or nested too deeply") from error
        self.tree = tree
        self._starts = part.starts
        self._lines = sorted({bisect_right(part.starts, place) for place in places})

    def _whole(self) -> tuple[Part, ast.Module]:
        part = self._outline.whole()
        try:
            return part, ast.parse(part.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UnreadableError("not valid Python, or nested too deeply") from error

    def place(self, node: ast.expr | ast.stmt) -> int:
        """Where in the file a node begins."""
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)

    def is_relevant(self, node: ast.stmt | ast.expr) -> bool:
        """Whether one of the lines of `node` names a hypertable."""
        found = bisect_left(self._lines, node.lineno)
        return found < len(self._lines) and self._lines[found] <= (node.end_lineno or 0)


class Constants:
    """The texts that a module binds to names, each looked for when it is asked for."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._found: dict[str, str | None] = {}

    def get(self, name: str) -> str | None:
        if name not in self._found:
            self._found[name] = self._sought(name) if name.isidentifier() else None
        return self._found[name]

    def _sought(self, name: str) -> str | None:
        content, encoded = b"\n" + self._outline.content, b"\n" + name.encode()
        at = content.rfind(encoded)
        while at >= 0:
            if _BINDS.match(content, at + len(encoded)):
                try:
                    tree = ast.parse(self._outline.around([at]).text)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return None
                return dict(texts_of(tree)).get(name)
            at = content.rfind(encoded, 0, at)
        return None


_BINDS = re.compile(rb"[ \t]*(?::[^=\n]*)?=(?!=)")


def texts_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The module's names for texts."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


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


def assigned(node: ast.AST) -> set[str]:
    """The names that a statement binds by `=` or `+=`."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _grows(content: bytes, tree: ast.Module) -> bool:
    """Whether a name of the module or of a class, bound in this part of it, seems to be built further anywhere."""
    scopes = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    bound = {name for scope in scopes for node in statements_of(scope) for name in assigned(node)}
    return any(_built_further(content, name.encode()) for name in bound)


_FURTHER = re.compile(rb"\s*(?:\+=|\.\s*(?:where|filter|filter_by|join|outerjoin|having|limit)\b)")


def _built_further(content: bytes, name: bytes) -> bool:
    at = content.find(name)
    while at >= 0:
        if _FURTHER.match(content, at + len(name)):
            return True
        at = content.find(name, at + len(name))
    return False
