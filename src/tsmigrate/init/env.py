"""What env.py needs: the import, a transaction for each revision, and the plugin where plugins are listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tsmigrate.env_py import PLUGIN, PLUGIN_NAME, PLUGINS, TRANSACTIONS, EnvPy, admits_plugin, argument, passes_on
from tsmigrate.init.edit import ByHand, Change, Edit, Text

IMPORT = f"import {PLUGIN}  # noqa: F401 - teaches autogenerate about TimescaleDB"
OWN_TRANSACTION = f"{TRANSACTIONS}=True"


def planned(env: EnvPy) -> tuple[Change | None, tuple[ByHand, ...]]:
    text = Text(env.text)
    found = [*_import(env, text), *_transactions(env, text), *_plugins(env, text), *_begun(env)]
    edits = [each for each in found if isinstance(each, Edit)]
    by_hand = tuple(each for each in found if isinstance(each, ByHand))
    if not edits:
        return None, by_hand
    before, after = (each.encode(env.encoding) for each in (env.text, text.edited(edits)))
    return Change(env.path, before, after), by_hand


def _import(env: EnvPy, text: Text) -> Iterator[Edit | ByHand]:
    if env.imports_plugin:
        return
    line = _line_to_import_after(env.tree)
    if line is None:
        yield ByHand(env.path, 1, "there is no import by itself on a line to put another after", f"add: {IMPORT}")
    else:
        yield text.put_line_after(line, IMPORT)


def _line_to_import_after(tree: ast.Module) -> int | None:
    """The last line of the import of Alembic, or else of the first imports."""
    last = None
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            if last is not None and not _is_docstring(node):
                break
            continue
        if following is None or following.lineno > (node.end_lineno or node.lineno):
            last = node.end_lineno
            if any("alembic" in (getattr(node, "module", None), alias.name) for alias in node.names):
                return last
    return last


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _transactions(env: EnvPy, text: Text) -> Iterator[Edit | ByHand]:
    if not env.configure_calls and not env.given(TRANSACTIONS):
        yield ByHand(env.path, 1, "no call of context.configure is found in it", f"pass {OWN_TRANSACTION} to each")
    for call in env.lacking_transactions():
        given = argument(call, TRANSACTIONS)
        if given is not None:
            yield Edit(text.start_of(given), text.end_of(given), "True")
        elif passes_on(call):
            yield ByHand(
                env.path,
                call.lineno,
                "context.configure is given arguments from elsewhere",
                f"see that {OWN_TRANSACTION} is among them",
            )
        elif call.keywords:
            yield text.put_before(call.keywords[0], OWN_TRANSACTION)
        elif not call.args:
            place = text.end_of(call) - 1
            yield Edit(place, place, OWN_TRANSACTION)
        else:
            yield ByHand(
                env.path, call.lineno, "context.configure is given arguments without names", f"add {OWN_TRANSACTION}"
            )


def _plugins(env: EnvPy, text: Text) -> Iterator[Edit | ByHand]:
    for plugins in env.plugin_lists():
        admitted = admits_plugin(plugins)
        if admitted:
            continue
        where = f"{PLUGINS} leaves the plugin out" if admitted is False else f"{PLUGINS} is not written out here"
        if admitted is None or not isinstance(plugins, ast.List) or _is_left_out(plugins):
            yield ByHand(env.path, plugins.lineno, where, f'see that "{PLUGIN_NAME}" is in it, and no ~ takes it out')
        elif plugins.elts:
            yield text.put_before(plugins.elts[0], f'"{PLUGIN_NAME}"')
        else:
            place = text.end_of(plugins) - 1
            yield Edit(place, place, f'"{PLUGIN_NAME}"')


def _is_left_out(plugins: ast.List) -> bool:
    """With a ~ somebody meant it."""
    named = [*plugins.elts, ast.Constant(PLUGIN_NAME)]
    return admits_plugin(ast.List(named, ast.Load())) is False


def _begun(env: EnvPy) -> Iterator[ByHand]:
    for line in env.own_transactions()[:1]:
        yield ByHand(
            env.path,
            line,
            "a transaction is begun here: all revisions of a run would share it, and an operation that has to run "
            "outside of one is refused",
            "give context.configure a connection from engine.connect(), and let context.begin_transaction() begin "
            "the transactions",
        )
