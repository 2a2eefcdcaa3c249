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
from tsmigrate.lint.learn.columns import column as read_column
from tsmigrate.lint.learn.columns import is_constraint
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.learn.values import UnknownError, evaluate

_DEEPEST = 20
_NEAR = 4  # folders above a revision in which modules are looked for: versions, migrations, the project, its parent
_LONGEST_LOOP = 1000


def find(ini: Path) -> list[Path]:
    """The revisions of a project, in the order in which they are applied."""
    try:
        found = settings.find(ini)
    except TsmigrateError:
        return []
    location = found.script_location if found else None
    if location is None:
        return []
    versions = (location if location.is_absolute() else ini.parent / location) / "versions"
    return _in_order(sorted(versions.rglob("*.py")))


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
    """A revision's literals and functions, and what it imports: its own name for it → module, name in it."""

    def __init__(self, tree: ast.Module, path: Path) -> None:
        self.path = path
        self.names: dict[str, Any] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.imported: dict[str, tuple[str, str]] = dict(_imported(tree))
        self._others: dict[str, _Module | None] = {}
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
            except UnknownError:
                self.names.pop(target.id, None)

    @classmethod
    def read(cls, path: Path) -> _Module | None:
        try:
            return cls(ast.parse(path.read_text(encoding="utf-8")), path)
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None

    def other(self, name: str) -> _Module | None:
        """A module that this one imports, where a file of the project is that module."""
        if name not in self._others:
            self._others[name] = self._sought(name)
        return self._others[name]

    def _sought(self, name: str) -> _Module | None:
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name[level:].split(".") if part]
        folders = [*self.path.parents[: level or _NEAR]][level - 1 if level else 0 :]
        for folder in [*folders, *(one / "src" for one in folders if not level)]:
            file = folder.joinpath(*parts)
            for path in (file.with_suffix(".py"), file / "__init__.py") if parts else (file / "__init__.py",):
                if path != self.path and path.is_file():
                    return _Module.read(path)
        return None

    def function(self, call: ast.expr) -> tuple[_Module, ast.FunctionDef] | None:
        """The function that is called, and the module that it is in."""
        if isinstance(call, ast.Name) and call.id in self.functions:
            return self, self.functions[call.id]
        if isinstance(call, ast.Name) and call.id in self.imported:
            name, of = self.imported[call.id]
        elif isinstance(call, ast.Attribute) and (name := self._module(call.value)):
            of = call.attr
        else:
            return None
        module = self.other(name)
        if module is not None and of in module.functions:
            return module, module.functions[of]
        return None

    def _module(self, node: ast.expr) -> str:
        """`helpers` and `migrations.helpers`, as imported."""
        written = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
        if written not in self.imported:
            return ""
        name, of = self.imported[written]
        return f"{name}{'' if name.endswith('.') or not of else '.'}{of}"


def _imported(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            for one in node.names:
                yield one.asname or one.name, (one.name, "")
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                yield one.asname or one.name, ("." * node.level + (node.module or ""), one.name)


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
                except UnknownError:
                    names.pop(node.targets[0].id, None)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                self._expression(node.value, names)

    def _turns(self, node: ast.For, names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            items = list(evaluate(node.iter, names))[:_LONGEST_LOOP]
        except (UnknownError, TypeError):
            return
        for item in items:
            if isinstance(node.target, ast.Name):
                yield {node.target.id: item}
            elif isinstance(node.target, ast.Tuple) and isinstance(item, (list, tuple)):
                targets = [one.id for one in node.target.elts if isinstance(one, ast.Name)]
                if len(targets) == len(item):
                    yield dict(zip(targets, item, strict=True))

    def _expression(self, call: ast.Call, names: Mapping[str, Any]) -> None:
        found = self.module.function(call.func) if self.depth < _DEEPEST else None
        if found is not None:
            before, (self.module, function) = self.module, found
            positional, named = _arguments(call, names)
            parameters = [one.arg for one in function.args.args]
            self.run(function, {**_defaults(function), **dict(zip(parameters, positional, strict=False)), **named})
            self.module = before
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
            column = read_column(argument)
            if column is None and not is_constraint(argument):
                return
            if column is not None:
                columns[column[0]] = column[1]
        if name is not None and columns:
            self.known.tables[name] = columns

    def _op_add_column(self, positional: list[Any], named: dict[str, Any], call: ast.Call) -> None:
        name = self._name(positional[0] if positional else None, named.get("schema"))
        column = read_column(call.args[1]) if len(call.args) > 1 else None
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


def _defaults(function: ast.FunctionDef) -> dict[str, Any]:
    parameters = function.args.args
    last = parameters[len(parameters) - len(function.args.defaults) :]
    given = [*zip(last, function.args.defaults, strict=True)]
    given += [
        (one, value) for one, value in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if value
    ]
    return {one.arg: value.value for one, value in given if isinstance(value, ast.Constant)}


def _arguments(call: ast.Call, names: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that can be told; None for one that cannot."""

    def told(node: ast.expr) -> Any:
        try:
            return evaluate(node, names)
        except UnknownError:
            return None

    return [told(one) for one in call.args], {one.arg: told(one.value) for one in call.keywords if one.arg}
