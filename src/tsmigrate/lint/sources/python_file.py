"""Python files: strings in the places where SQL is run, and any other string that reads as a statement.

Concatenations, f-strings, `%` and `.format` are followed; what is not known stays a hole in the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from tsmigrate.lint.learn.models import Model
from tsmigrate.lint.names import Names
from tsmigrate.lint.snippet import Snippet
from tsmigrate.lint.sources import literals
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.relevant import Relevant, statements_of
from tsmigrate.lint.sources.source import UnreadableError, source
from tsmigrate.lint.sources.sqlalchemy_calls import Calls, chains
from tsmigrate.lint.sources.strings import NUMBERED, STATEMENT, offsets_from
from tsmigrate.lint.sql import split

_RUNS = frozenset(
    [
        "execute",
        "executemany",
        "execute_values",
        "execute_batch",
        "exec_driver_sql",
        "text",
        "raw",
        "read_sql",
        "read_sql_query",
        "fetch",
        "fetchrow",
        "fetchval",
        "fetch_all",
        "fetch_one",
        "fetch_val",
        "cursor",
        "stream",
        "sql",
        "query",
        "copy_expert",
        "mogrify",
        "literal_sql",
        "SQL",
        "RawSQL",
        "DDL",
        "prepare",
        "scalar",
        "scalars",
    ]
)
_DEFINES = "create_continuous_aggregate"
_QUICK = re.compile(rb"select|insert|update|delete|merge|with|create|alter|copy", re.IGNORECASE)


@source(".py")
def python_file(content: bytes, names: Names) -> Iterator[Snippet | int]:
    """The statements in the file's strings, and those that SQLAlchemy's calls make."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError("not valid Python, or nested too deeply") from error
    reader = _Reader(content, tree, names)
    yield from reader.snippets()
    if names.models:
        yield from reader.calls(names.models)


class _Reader:
    def __init__(self, content: bytes, tree: ast.Module, names: Names) -> None:
        self.content = content
        self.tree = tree
        self.starts = [0, *(found.end() for found in re.finditer(rb"\n", content))]
        self.constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        # The query of a continuous aggregate is a definition: who reads the aggregate is judged.
        self.definitions = _definitions(content, tree)
        # A constant that names a table names it wherever it is used.
        aliases = [name.encode() for name, value in self.constants.items() if names.within(value.encode())]
        self.relevant = Relevant(names.places_in_program(content, aliases), self.starts)

    def snippets(self) -> Iterator[Snippet]:
        waiting: list[tuple[ast.AST, str, frozenset[str], bool]] = [(self.tree, "", _grown(self.tree), False)]
        while waiting:
            node, function, grown, runs = waiting.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                function = f"{function}.{node.name}" if function else node.name
                grown = _grown(node)
            if isinstance(node, ast.expr) and (found := self._string(node)) is not None:
                yield from self._statements(found, function, runs)
                continue
            below: list[tuple[ast.AST, str, frozenset[str], bool]] = []
            for child in ast.iter_child_nodes(node):
                if not self.relevant.holds(child):
                    continue
                if isinstance(node, ast.Expr) and isinstance(child, ast.Constant):
                    continue  # a docstring
                if isinstance(node, ast.Call) and _called(node) == _DEFINES:
                    continue
                if _assigned(node) & self.definitions:
                    continue
                open_ended = _assigned(node) & grown and child is getattr(node, "value", None)
                if open_ended and isinstance(child, ast.expr) and (text := self._string(child)) is not None:
                    text.put(b" ", self._offset(child, end=True))
                    text.hole(self._offset(child, end=True))
                    yield from self._statements(text, function, False)
                    continue
                if isinstance(node, ast.AugAssign) and _assigned(node) & grown:
                    continue  # a part of a statement
                below.append((child, function, grown, isinstance(node, ast.Call) and _called(node) in _RUNS))
            waiting += reversed(below)

    def calls(self, models: Mapping[str, Model]) -> Iterator[Snippet]:
        """SQLAlchemy's expressions, written as the SQL that they become."""
        written = Calls(models, self._offset)
        for links, root, function, open_ended in chains(self.tree, self.relevant):
            text = None if open_ended else written.statement(links, root)
            if text is not None:
                yield Snippet(
                    text.bytes,
                    text.offsets(),
                    function,
                    confidence="low",
                    holes=True,
                    literal_parameters=True,
                    optional=True,
                )

    def _offset(self, node: ast.expr, *, end: bool = False) -> int:
        line, column = (node.end_lineno, node.end_col_offset) if end else (node.lineno, node.col_offset)
        return self.starts[(line or 1) - 1] + (column or 0)

    def _string(self, node: ast.expr) -> Text | None:
        """The text of an expression that makes a string with something of SQL in it. None: it makes none."""
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return literals.read(self.content, self._offset(node), self._offset(node, end=True), self.constants)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._string(node.left)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._sum(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = node.func.value
            if node.func.attr == "format":
                wrapped = isinstance(inner, ast.Call) and _called(inner) == "SQL" and len(inner.args) == 1
                return self._string(inner.args[0] if wrapped and isinstance(inner, ast.Call) else inner)
            if node.func.attr in ("strip", "lstrip", "rstrip"):
                return self._string(inner)
        return None

    def _sum(self, node: ast.BinOp) -> Text | None:
        """`"SELECT …" + x + "…"`, flattened: sums nest to the left, and deeply."""
        parts: list[ast.expr] = []
        one: ast.expr = node
        while isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add):
            parts.append(one.right)
            one = one.left
        parts.append(one)
        texts = [(part, self._string(part)) for part in reversed(parts)]
        if all(text is None for _, text in texts):
            return None
        made = Text()
        for part, text in texts:
            if text is not None:
                made.join(text)
            elif isinstance(part, ast.Name) and part.id in self.constants:
                made.put(self.constants[part.id].encode(), self._offset(part))
            else:
                made.hole(self._offset(part))
        return made

    def _statements(self, found: Text, function: str, runs: bool) -> Iterator[Snippet]:
        text = found.bytes
        if not _QUICK.search(text) or not STATEMENT.match(text):
            return
        parts = list(split.statements(text)) if b";" in text else [(0, text)]
        for offset, part in parts:
            if not STATEMENT.match(part):
                continue
            yield Snippet(
                part,
                offsets_from(found.offsets(), offset),
                function,
                confidence="high" if runs else "medium",
                literal_parameters=not NUMBERED.search(part),
                holes=True,
                optional=not runs,
                code=True,
            )


def _definitions(content: bytes, tree: ast.Module) -> frozenset[str]:
    """The names of the texts that define continuous aggregates."""
    if _DEFINES.encode() not in content:
        return frozenset()
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == _DEFINES]
    arguments = [one for call in calls for one in (*call.args, *(word.value for word in call.keywords))]
    return frozenset(one.id for one in arguments if isinstance(one, ast.Name))


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _assigned(node: ast.AST) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _grown(scope: ast.AST) -> frozenset[str]:
    """The names in a scope that `+=` adds to: their first text is not the whole statement."""
    return frozenset(
        node.target.id
        for node in statements_of(scope)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name)
    )
