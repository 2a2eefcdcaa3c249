"""What models declare by tsmigrate.schema, read from source: hypertables in a table's `info`, continuous aggregates."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tsmigrate.lint.known import Hypertable, Known, Name
from tsmigrate.lint.learn.relationships import called
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.learn.values import UnknownError, evaluate
from tsmigrate.lint.sql import functions

TELLS = b"ContinuousAggregate("
_DEEPEST = 5  # names bound to names


@dataclass(frozen=True)
class Declared:
    """Hypertable("at", "1 day", hash_dimension=("device", 4), integer_now="now_of_it")."""

    column: str
    dimensions: tuple[str, ...] = ()
    now_function: str | None = None


@dataclass(frozen=True)
class Bound:
    """What the names of a module stand for."""

    names: dict[str, ast.expr] = field(default_factory=dict)

    def meant(self, node: ast.expr | None) -> ast.expr | None:
        for _ in range(_DEEPEST):
            if not isinstance(node, ast.Name) or node.id not in self.names:
                break
            node = self.names[node.id]
        return node

    def text(self, node: ast.expr | None) -> str | None:
        node = self.meant(node)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def schema(self, written: ast.expr | None, metadata: ast.expr | None) -> str | None:
        """The schema of a table: its own, or that of its MetaData."""
        if written is None:
            made = self.meant(metadata)
            words = made.keywords if isinstance(made, ast.Call) and called(made) == "MetaData" else ()
            written = next((one.value for one in words if one.arg == "schema"), None)
        return self.text(written)


def bound(tree: ast.Module) -> Bound:
    found = Bound()
    for node in tree.body:
        for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                found.names[target.id] = value
    return found


def hypertable(info: ast.expr | None, names: Bound) -> Declared | None:
    """The Hypertable(…) in a table's `info`, behind whatever helper makes the rest of it."""
    waiting = [info]
    while waiting:
        node = names.meant(waiting.pop())
        if isinstance(node, ast.Call) and called(node) == "Hypertable":
            return _declared(node, names)
        waiting += [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)] if node else ()
    return None


def _declared(call: ast.Call, names: Bound) -> Declared | None:
    named = {one.arg: one.value for one in call.keywords}
    column = names.text(call.args[0] if call.args else named.get("column"))
    if column is None:
        return None
    hashed = names.meant(call.args[2] if len(call.args) > 2 else named.get("hash_dimension"))
    first = names.text(hashed.elts[0]) if isinstance(hashed, ast.Tuple) and hashed.elts else None
    now = names.text(call.args[3] if len(call.args) > 3 else named.get("integer_now"))
    return Declared(column, (first,) if first else (), now)


def learn_tables(tables: Iterator[tuple[Name, Declared, dict[str, str]]], known: Known, source: str) -> None:
    """Declared hypertables, with the types of their columns; what another source said of one stands."""
    for name, one, types in tables:
        type_ = known.tables.get(name, {}).get(one.column) or types.get(one.column)
        if type_ not in functions.TIMES | functions.INTEGERS:
            type_ = "timestamptz"  # a type of the project's own, or one that is not written
        columns = tuple(known.tables[name]) if name in known.tables else None
        made = Hypertable(name, one.column, type_, columns, one.dimensions, one.now_function, source)
        known.hypertables.setdefault(name, made)


def learn_aggregates(content: bytes, known: Known, source: str) -> None:
    """ContinuousAggregate("name", query, metadata): a hypertable on its bucket column."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    names = bound(tree)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and called(call) == "ContinuousAggregate":
            _aggregate(call, names, known, source)


def _aggregate(call: ast.Call, names: Bound, known: Known, source: str) -> None:
    given = dict(zip(("name", "query", "metadata"), call.args, strict=False))
    given |= {one.arg: one.value for one in call.keywords if one.arg}
    text, query = names.text(given.get("name")), names.meant(given.get("query"))
    if text is None or query is None:
        return
    name = Name(names.schema(given.get("schema"), given.get("metadata")) or known.search_path[0], text)
    if name in known.hypertables:
        return
    try:
        sql = evaluate(
            query, {key: value.value for key, value in names.names.items() if isinstance(value, ast.Constant)}
        )
    except UnknownError:
        sql = None
    if isinstance(sql, str):
        Learner(known, source).aggregate(name, sql.strip().rstrip(";").encode())
    elif (column := _bucket(query)) is not None:
        known.hypertables[name] = Hypertable(name, column, source=source)


def _bucket(query: ast.expr) -> str | None:
    """The name of time_bucket(…) in a select(…)."""
    found = None
    for node in ast.walk(query):
        if isinstance(node, ast.Call) and called(node) == "time_bucket":
            found = found or "time_bucket"
        elif isinstance(node, ast.Call) and called(node) == "label" and isinstance(node.func, ast.Attribute):
            inner, label = node.func.value, node.args[0] if node.args else None
            if called(inner) == "time_bucket" and isinstance(label, ast.Constant):
                return str(label.value)
    return found
