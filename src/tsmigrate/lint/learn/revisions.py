"""Alembic revisions, read and not run: the tables, columns and hypertables that their `upgrade()` makes.

A small reading of Python: names bound to literals, loops over them, calls of the module's own functions, and `op.*`.
What it cannot follow it skips.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tsmigrate import settings
from tsmigrate.errors import TsmigrateError
from tsmigrate.lint.known import Known, Name
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.sql.functions import type_name

_INI = "alembic.ini"
_DEEPEST = 20
_LONGEST_LOOP = 1000


class _UnknownError(Exception):
    """A value that only running the code would tell."""


def find(start: Path) -> list[Path]:
    """The revisions of the project around `start`, in the order in which they are applied."""
    here = start.absolute()
    for folder in (here, *here.parents):
        ini = folder / _INI
        if ini.is_file():
            try:
                found = settings.find(ini)
            except TsmigrateError:
                return []
            location = found.script_location if found else None
            if location is None:
                return []
            versions = (location if location.is_absolute() else folder / location) / "versions"
            return _in_order(sorted(versions.rglob("*.py")))
        if (folder / ".git").exists():
            break
    return []


def _in_order(files: list[Path]) -> list[Path]:
    """By down_revision, parents first."""
    parents: dict[Path, tuple[str, ...]] = {}
    names: dict[str, Path] = {}
    for file in files:
        module = _Module.read(file)
        if module is not None and isinstance(module.names.get("revision"), str):
            names[module.names["revision"]] = file
            below = module.names.get("down_revision")
            parents[file] = (below,) if isinstance(below, str) else tuple(below or ())
    done: list[Path] = []
    waiting = list(parents)
    while waiting:
        ready = [file for file in waiting if all(names.get(one) in (None, *done) for one in parents[file])]
        done += ready or waiting
        waiting = [file for file in waiting if file not in done]
    return done


def learn(path: Path, known: Known) -> None:
    module = _Module.read(path)
    if module is None or "upgrade" not in module.functions:
        return
    _Upgrade(module, known, str(path)).run(module.functions["upgrade"], {})


class _Module:
    """A revision's literals and functions."""

    def __init__(self, tree: ast.Module) -> None:
        self.names: dict[str, Any] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
            elif isinstance(node, ast.Assign):
                self._bind(node.targets[0], node.value)
            elif isinstance(node, ast.AnnAssign):
                self._bind(node.target, node.value)

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name) and value is not None:
            try:
                self.names[target.id] = evaluate(value, self.names)
            except _UnknownError:
                self.names.pop(target.id, None)

    @classmethod
    def read(cls, path: Path) -> _Module | None:
        try:
            return cls(ast.parse(path.read_text(encoding="utf-8")))
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None


def evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """A literal, a name bound to one, or what plain Python makes of them."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, (ast.Tuple, ast.List)):
        return [one for item in node.elts for one in _spread(item, names)]
    if isinstance(node, ast.Set):
        return [evaluate(item, names) for item in node.elts]
    if isinstance(node, ast.Dict):
        merged: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            found = evaluate(value, names)
            merged |= found if key is None else {evaluate(key, names): found}
        return merged
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.BitOr)):
        left, right = evaluate(node.left, names), evaluate(node.right, names)
        if type(left) is type(right) and isinstance(left, (str, list, dict)):
            return left | right if isinstance(left, dict) and isinstance(right, dict) else left + right
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part, names) for part in node.values)
    if isinstance(node, ast.Call):
        return _call(node, names)
    if isinstance(node, ast.Subscript):
        try:
            return evaluate(node.value, names)[evaluate(node.slice, names)]
        except (KeyError, IndexError, TypeError):
            raise _UnknownError from None
    raise _UnknownError


def _spread(node: ast.expr, names: Mapping[str, Any]) -> list[Any]:
    return list(evaluate(node.value, names)) if isinstance(node, ast.Starred) else [evaluate(node, names)]


def _part(node: ast.expr, names: Mapping[str, Any]) -> str:
    return str(evaluate(node.value if isinstance(node, ast.FormattedValue) else node, names))


def _call(node: ast.Call, names: Mapping[str, Any]) -> Any:
    """dict.items(), sorted(…) and the like; and text('…'), which is its text."""
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "keys", "values") and not node.args:
        found = evaluate(node.func.value, names)
        if isinstance(found, dict):
            return (
                [list(pair) for pair in found.items()]
                if node.func.attr == "items"
                else list(found if node.func.attr == "keys" else found.values())
            )
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called in ("list", "tuple", "sorted", "reversed", "text", "raw", "DDL", "dedent") and len(node.args) == 1:
        found = evaluate(node.args[0], names)
        if called == "sorted" and isinstance(found, list):
            return sorted(found, key=str)
        return found[::-1] if called == "reversed" and isinstance(found, list) else found
    raise _UnknownError


class _Upgrade:
    """Walks an `upgrade()`."""

    def __init__(self, module: _Module, known: Known, source: str) -> None:
        self.module = module
        self.known = known
        self.learner = Learner(known, source)
        self.depth = 0

    def run(self, function: ast.FunctionDef, bound: Mapping[str, Any]) -> None:
        self.depth += 1
        if self.depth <= _DEEPEST:
            self._block(function.body, {**self.module.names, **bound})
        self.depth -= 1

    def _block(self, body: list[ast.stmt], names: dict[str, Any]) -> None:
        for node in body:
            if isinstance(node, ast.For):
                for bound in self._turns(node, names):
                    self._block(node.body, {**names, **bound})
            elif isinstance(node, (ast.With, ast.If, ast.Try)):
                self._block(node.body, names)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                try:
                    names[node.targets[0].id] = evaluate(node.value, names)
                except _UnknownError:
                    names.pop(node.targets[0].id, None)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                self._expression(node.value, names)

    def _turns(self, node: ast.For, names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            items = list(evaluate(node.iter, names))[:_LONGEST_LOOP]
        except (_UnknownError, TypeError):
            return
        for item in items:
            if isinstance(node.target, ast.Name):
                yield {node.target.id: item}
            elif isinstance(node.target, ast.Tuple) and isinstance(item, (list, tuple)):
                targets = [one.id for one in node.target.elts if isinstance(one, ast.Name)]
                if len(targets) == len(item):
                    yield dict(zip(targets, item, strict=True))

    def _expression(self, call: ast.Call, names: Mapping[str, Any]) -> None:
        if isinstance(call.func, ast.Name) and call.func.id in self.module.functions:
            function = self.module.functions[call.func.id]
            positional, named = _arguments(call, names)
            parameters = [one.arg for one in function.args.args]
            self.run(function, {**dict(zip(parameters, positional, strict=False)), **named})
        elif isinstance(call.func, ast.Attribute):
            operation = getattr(self, f"_op_{call.func.attr}", None)
            if operation is not None:
                positional, named = _arguments(call, names)
                operation(positional, named, call)

    # -- operations

    def _name(self, table: Any, schema: Any) -> Name | None:
        return Name(schema or self.known.search_path[0], table) if isinstance(table, str) else None

    def _op_create_hypertable(self, positional: list[Any], named: dict[str, Any], _call: ast.Call) -> None:
        table = positional[0] if positional else named.get("table")
        column = positional[1] if len(positional) > 1 else named.get("column")
        name = self._name(table, named.get("schema"))
        if name is not None and isinstance(column, str):
            self.learner.hypertable(name, column)

    def _op_revert_hypertable(self, positional: list[Any], named: dict[str, Any], _call: ast.Call) -> None:
        if positional and (name := self._name(positional[0], named.get("schema"))):
            self.known.hypertables.pop(name, None)

    _op_drop_table = _op_revert_hypertable

    def _op_create_table(self, positional: list[Any], named: dict[str, Any], call: ast.Call) -> None:
        name = self._name(positional[0] if positional else None, named.get("schema"))
        columns: dict[str, str] = {}
        for argument in call.args[1:]:
            if isinstance(argument, ast.Starred):
                return  # columns that only running the code would tell
            column = _column(argument)
            if column is None and not _is_constraint(argument):
                return
            if column is not None:
                columns[column[0]] = column[1]
        if name is not None and columns:
            self.known.tables[name] = columns

    def _op_add_column(self, positional: list[Any], named: dict[str, Any], call: ast.Call) -> None:
        name = self._name(positional[0] if positional else None, named.get("schema"))
        column = _column(call.args[1]) if len(call.args) > 1 else None
        if name in self.known.tables and column is not None:
            self.known.tables[name][column[0]] = column[1]

    def _op_add_partition_column(self, positional: list[Any], named: dict[str, Any], _call: ast.Call) -> None:
        name = self._name(positional[0] if positional else None, named.get("schema"))
        column = positional[1] if len(positional) > 1 else named.get("column")
        if name in self.known.tables and isinstance(column, str):
            self.known.tables[name][column] = ""

    def _op_create_continuous_aggregate(self, positional: list[Any], named: dict[str, Any], _call: ast.Call) -> None:
        name = self._name(positional[0] if positional else named.get("name"), named.get("schema"))
        query = positional[1] if len(positional) > 1 else named.get("query")
        if name is not None and isinstance(query, str):
            self.learner.aggregate(name, query.strip().rstrip(";").encode())

    def _op_execute(self, positional: list[Any], _named: dict[str, Any], _call: ast.Call) -> None:
        if positional and isinstance(positional[0], str):
            self.learner.text(positional[0].encode())


def _arguments(call: ast.Call, names: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that can be told; None for one that cannot."""

    def told(node: ast.expr) -> Any:
        try:
            return evaluate(node, names)
        except _UnknownError:
            return None

    return [told(one) for one in call.args], {one.arg: told(one.value) for one in call.keywords if one.arg}


def _column(node: ast.expr) -> tuple[str, str] | None:
    """sa.Column("name", sa.DateTime(timezone=True), …)."""
    if not isinstance(node, ast.Call) or _called(node) != "Column" or not node.args:
        return None
    first = node.args[0]
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    return first.value, _type(node.args[1]) if len(node.args) > 1 else ""


def _called(node: ast.expr) -> str:
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_constraint(node: ast.expr) -> bool:
    return _called(node).endswith("Constraint") or _called(node) in ("Index", "Identity")


def _type(node: ast.expr) -> str:
    name = _called(node).lower()
    if name in ("datetime", "timestamp"):
        zoned = isinstance(node, ast.Call) and any(
            one.arg == "timezone" and isinstance(one.value, ast.Constant) and one.value.value for one in node.keywords
        )
        return "timestamptz" if zoned else "timestamp"
    return {"biginteger": "int8", "integer": "int4", "smallinteger": "int2", "string": "text"}.get(
        name, type_name(name)
    )
