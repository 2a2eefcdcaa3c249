"""A project's env.py, read and never run: does it import the plugin, and how does it configure Alembic?"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

PLUGIN = "tsmigrate.autogenerate"
OPERATIONS = "tsmigrate.ops"
PLUGIN_NAME = "alembic.autogenerate.tsmigrate"
"""What Alembic knows the plugin by. It enables `alembic.autogenerate.*` unless `autogenerate_plugins` is given."""

TRANSACTIONS = "transaction_per_migration"
PLUGINS = "autogenerate_plugins"


@dataclass(frozen=True)
class EnvPy:
    path: Path
    text: str
    encoding: str

    @classmethod
    def read(cls, path: Path) -> EnvPy:
        """OSError, SyntaxError or ValueError where it is not there or no Python."""
        content = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        env = cls(path, content.decode(encoding), encoding)
        _ = env.tree
        return env

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def imports_plugin(self) -> bool:
        return any(name == PLUGIN for name, _ in self._imports())

    @property
    def imports_operations(self) -> bool:
        """Whether anything of tsmigrate is imported that brings its operations along."""
        return any(name.startswith((PLUGIN, OPERATIONS)) for name, _ in self._imports())

    @cached_property
    def configure_calls(self) -> tuple[ast.Call, ...]:
        """The calls of Alembic's `context.configure`, by whatever name it was imported."""
        names = {f"{bound}.configure" for name, bound in self._imports() if name == "alembic.context"}
        names |= {bound for name, bound in self._imports() if name == "alembic.context.configure"}
        if any(name == "alembic" for name, _ in self._imports()):
            names.add("alembic.context.configure")
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and _dotted(node.func) in names)
        return tuple(sorted(calls, key=lambda call: (call.lineno, call.col_offset)))

    def _imports(self) -> Iterator[tuple[str, str]]:
        """What is imported anywhere in the file, and the name it is bound to."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, alias.asname or alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    yield f"{node.module}.{alias.name}", alias.asname or alias.name
                    yield node.module, node.module

    def lacking_transactions(self) -> list[ast.Call]:
        """The calls of configure that do not give each revision a transaction of its own.

        One that passes on arguments from elsewhere is believed where the file says it anywhere.
        """
        said = self.given(TRANSACTIONS)
        believed = bool(said) and not any(map(is_other_than_true, said))
        return [
            call
            for call in self.configure_calls
            if ((value := argument(call, TRANSACTIONS)) is None and not (passes_on(call) and believed))
            or (value is not None and is_other_than_true(value))
        ]

    def given(self, name: str) -> list[ast.expr]:
        """What is given for `name` anywhere: as an argument of any call, in a dictionary, or into one."""
        found: list[ast.expr] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.keyword) and node.arg == name:
                found.append(node.value)
            elif isinstance(node, ast.Dict):
                found += [value for key, value in zip(node.keys, node.values, strict=True) if _is_text(key, name)]
            elif isinstance(node, ast.Assign):
                targets = [each for each in node.targets if isinstance(each, ast.Subscript)]
                found += [node.value for each in targets if _is_text(each.slice, name)]
        return found

    def constant(self, name: str) -> str | None:
        """The text that is given for `name`. None: none is, or it is not written out."""
        values = (self._looked_up(value) for value in self.given(name))
        texts = (value.value for value in values if isinstance(value, ast.Constant))
        return next((text for text in texts if isinstance(text, str) and text), None)

    def plugin_lists(self) -> list[ast.expr]:
        """What is given as `autogenerate_plugins`, looked up where it is a variable that is assigned once."""
        return [self._looked_up(value) for value in self.given(PLUGINS)]

    def _looked_up(self, value: ast.expr) -> ast.expr:
        if not isinstance(value, ast.Name):
            return value
        assigned = [
            node.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == value.id for t in node.targets)
        ]
        return assigned[0] if len(assigned) == 1 else value

    def own_transactions(self) -> list[int]:
        """The lines where env.py begins a transaction itself, as Alembic's multidb template does.

        Not one that is over before Alembic runs: `with engine.begin() as c: c.execute("CREATE SCHEMA …")`.
        """
        begun = {node for node in ast.walk(self.tree) if _calls(node) in {"begin", "begin_twophase"}}
        running = {"configure", "run_migrations", "run_sync"} | {
            node.name for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for block in ast.walk(self.tree):
            if isinstance(block, ast.With | ast.AsyncWith):
                called = {_calls(node) for statement in block.body for node in ast.walk(statement)}
                if not called & running:
                    begun -= {item.context_expr for item in block.items}
        return sorted(node.lineno for node in begun if isinstance(node, ast.Call))


def argument(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def passes_on(call: ast.Call) -> bool:
    """`configure(*arguments)` or `configure(**options)`: what is in them stands elsewhere."""
    return any(keyword.arg is None for keyword in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args)


def is_other_than_true(value: ast.expr) -> bool:
    """False, None and the like. What is no constant is believed."""
    return isinstance(value, ast.Constant) and value.value is not True


def admits_plugin(plugins: ast.expr) -> bool | None:
    """Whether a list of plugins enables ours. None: it is not written out, so it cannot be told."""
    if isinstance(plugins, ast.Constant) and plugins.value is None:
        return True
    if not isinstance(plugins, ast.List | ast.Tuple | ast.Set):
        return None
    patterns = [each.value for each in plugins.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if len(patterns) < len(plugins.elts):
        return None
    left_out = any(fnmatchcase(PLUGIN_NAME, each[1:]) for each in patterns if each.startswith("~"))
    return not left_out and any(fnmatchcase(PLUGIN_NAME, each) for each in patterns)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)) is not None:
        return f"{before}.{node.attr}"
    return None


def _calls(node: ast.AST) -> str | None:
    """The last part of what a call calls."""
    if not isinstance(node, ast.Call):
        return None
    return node.func.attr if isinstance(node.func, ast.Attribute) else _dotted(node.func)


def _is_text(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
