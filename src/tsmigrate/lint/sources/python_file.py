"""Python files: strings in the places where SQL is run, and any other string that reads as a statement.

Concatenations, f-strings, `%` and `.format` are followed; what is not known stays a hole in the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tsmigrate.lint.learn.relationships import called
from tsmigrate.lint.names import Names
from tsmigrate.lint.snippet import Snippet
from tsmigrate.lint.sources import literals, sqlalchemy
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.program import DEFINES, Program, assigned
from tsmigrate.lint.sources.source import source
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


@source(".py")
def python_file(content: bytes, names: Names) -> Iterator[Snippet | int]:
    """The statements in the file's strings, and those that SQLAlchemy's calls make."""
    program = Program(content, names)
    yield from _Strings(program).snippets()
    if names.models:
        for text, function in sqlalchemy.statements(program, names.models):
            yield Snippet(
                text.bytes,
                text.offsets(),
                function,
                confidence="low",
                holes=True,
                literal_parameters=True,
                optional=True,
            )


class _Strings:
    """The strings of a program that read as statements."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # The query of a continuous aggregate is a definition: who reads the aggregate is judged.
        self.definitions = _definitions(program)

    def snippets(self) -> Iterator[Snippet]:
        waiting: list[tuple[ast.AST, str, ast.AST]] = [(self.program.tree, "", self.program.tree)]
        while waiting:
            node, function, scope = waiting.pop()
            below: list[tuple[ast.AST, str, ast.AST]] = []
            for child in _children(node):
                if not isinstance(child, _PLACED):
                    if not isinstance(child, ast.arguments) or child.defaults or child.kw_defaults:
                        below.append((child, function, scope))
                elif not self.program.is_relevant(child):
                    continue
                elif isinstance(child, ast.expr):
                    yield from self._expression(child, node, function, scope)
                elif isinstance(child, _SCOPES):
                    inner = f"{function}.{child.name}" if function else child.name
                    below.append((child, inner, child))
                else:
                    below.append((child, function, scope))
            waiting += reversed(below)

    def _expression(self, node: ast.expr, statement: ast.AST, function: str, scope: ast.AST) -> Iterator[Snippet]:
        """The strings in an expression of a statement."""
        if isinstance(statement, ast.Expr) and isinstance(node, ast.Constant):
            return  # a docstring
        names = assigned(statement) if isinstance(statement, _BINDS) else set()
        if names & self.definitions:
            return
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add) and names:
            return  # a part of a statement
        if names and node is getattr(statement, "value", None):
            text = self._string(node)
            if text is not None and STATEMENT.match(text.bytes) and any(self._grows(name, scope) for name in names):
                text.put(b" ", self.program.end(node))
                text.hole(self.program.end(node))
                yield from self._statements(text, function, False)
                return
        waiting: list[tuple[ast.AST, bool]] = [(node, False)]
        while waiting:
            one, runs = waiting.pop()
            kind = type(one)
            if kind is ast.Name:
                continue
            if kind in _TEXTS and (text := self._string(one)) is not None:  # type: ignore[arg-type]
                yield from self._statements(text, function, runs)
            elif kind is ast.Call:
                name = called(one)  # type: ignore[arg-type]
                if name != DEFINES:
                    waiting += [(child, name in _RUNS) for child in reversed(_children(one))]
            elif kind is not ast.Constant:
                waiting += [(child, False) for child in reversed(_children(one))]

    def _grows(self, name: str, scope: ast.AST) -> bool:
        """Whether what a name stands for in a scope seems to be added to: then it is not the whole statement."""
        program, start, end = self.program, 0, len(self.program.content)
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start, end = program.place(scope), program.end(scope)
        elif isinstance(scope, ast.Module) and name in program.extended:
            return True
        found = re.compile(rb"(?<!\w)%s\s*\+|\{(?:\w+\.)*%s\}\s*[^\s\"'{}]" % ((name.encode(),) * 2))
        return found.search(program.content, start, end) is not None

    def _string(self, node: ast.expr) -> Text | None:
        """The text of an expression that makes a string with something of SQL in it. None: it makes none."""
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            program = self.program
            return literals.read(program.content, program.place(node), program.end(node), program.constants)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._string(node.left)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._sum(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = node.func.value
            if node.func.attr == "format":
                wrapped = isinstance(inner, ast.Call) and called(inner) == "SQL" and len(inner.args) == 1
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
            elif isinstance(part, ast.Name) and (known := self.program.constants.get(part.id)) is not None:
                made.put(known.encode(), self.program.place(part))
            else:
                made.hole(self.program.place(part))
        return made

    def _statements(self, found: Text, function: str, runs: bool) -> Iterator[Snippet]:
        text = found.bytes
        if not STATEMENT.match(text):
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


def _definitions(program: Program) -> frozenset[str]:
    """The names of the texts that define continuous aggregates."""
    if DEFINES.encode() not in program.content:
        return frozenset()
    calls = [node for node in ast.walk(program.tree) if isinstance(node, ast.Call) and called(node) == DEFINES]
    arguments = [one for call in calls for one in (*call.args, *(word.value for word in call.keywords))]
    return frozenset(one.id for one in arguments if isinstance(one, ast.Name))


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BINDS = (ast.Assign, ast.AugAssign, ast.AnnAssign)
_TEXTS = frozenset({ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call})


_PLACED = (ast.stmt, ast.expr)
_LEAVES = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def _children(node: ast.AST) -> list[ast.AST]:
    """What a node is made of, in its order: as ast.iter_child_nodes has it, in half the time."""
    found: list[ast.AST] = []
    for value in vars(node).values():
        if type(value) is list:
            found += [one for one in value if isinstance(one, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
            found.append(value)
    return found
