"""What an expression of Python is worth, as far as that can be told without running anything."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from tsmigrate.lint.learn.relationships import called


class UnknownError(Exception):
    """A value that only running the code would tell."""


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
            raise UnknownError from None
    raise UnknownError


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
    name = called(node)
    if name in ("list", "tuple", "sorted", "reversed", "text", "raw", "DDL", "dedent") and len(node.args) == 1:
        found = evaluate(node.args[0], names)
        if name == "sorted" and isinstance(found, list):
            return sorted(found, key=str)
        return found[::-1] if name == "reversed" and isinstance(found, list) else found
    raise UnknownError
