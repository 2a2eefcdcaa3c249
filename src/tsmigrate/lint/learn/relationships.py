"""SQLAlchemy's relationship(…), read from source: to which class, and by which columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_UNLOADED = frozenset({"raise", "raise_on_sql", "noload", "dynamic", "write_only"})
_MARKS = frozenset({"foreign", "remote"})
_TARGET = re.compile(r"\b([A-Z]\w*)\b(?!\[)")
_ANNOTATIONS = frozenset({"Mapped", "WriteOnlyMapped", "DynamicMapped", "List", "Optional", "Set", "None"})


Side = tuple[str, str]
Pairs = tuple[tuple[Side, Side], ...]


@dataclass(frozen=True)
class Relationship:
    """relationship("Target"). `pairs`: the columns that its condition equates, each as (class, attribute)."""

    target: str
    pairs: Pairs | None = None  # None: none is written
    foreign_keys: tuple[str, ...] = ()  # the attributes that decide between several references
    secondary: str = ""  # the table between: the name of its variable, or its own
    second: Pairs | None = None  # as `pairs`, from there to the target
    readable: bool = True
    loads: bool = True  # reading the attribute runs a query


class _UnreadableError(Exception):
    """A condition that is no list of equal columns."""


def called(node: ast.expr) -> str:
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def read(call: ast.Call, annotation: ast.expr | None = None) -> Relationship | None:
    """None: the class that it leads to cannot be told."""
    named = {one.arg: one.value for one in call.keywords}
    argument = call.args[0] if call.args else named.get("argument")
    target = _class(argument) if argument is not None else _annotated(annotation)
    if not target:
        return None
    lazy = named.get("lazy")
    loads = not (isinstance(lazy, ast.Constant) and lazy.value in _UNLOADED)
    loads = loads and not (annotation is not None and "WriteOnlyMapped" in ast.unparse(annotation))
    try:
        condition = named.get("primaryjoin")
        pairs = tuple(_pairs(_parsed(condition))) if condition is not None else None
        second = tuple(_pairs(_parsed(named["secondaryjoin"]))) if "secondaryjoin" in named else None
        keys = tuple(_attributes(_parsed(named["foreign_keys"]))) if "foreign_keys" in named else ()
    except _UnreadableError:
        return Relationship(target, readable=False, loads=loads)
    secondary = _table(named["secondary"]) if "secondary" in named else ""
    readable = "secondary" not in named or bool(secondary)
    return Relationship(target, pairs, keys, secondary, second, readable=readable, loads=loads)


def _class(node: ast.expr) -> str:
    if isinstance(node, ast.Lambda):
        node = node.body
    name = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else called(node)
    return name.rpartition(".")[2]


def _table(node: ast.expr) -> str:
    """The table between, by its variable or its name."""
    if isinstance(node, ast.Lambda):
        node = node.body
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else called(node)


def _annotated(annotation: ast.expr | None) -> str:
    """Mapped["Message"], Mapped[list[Message]]."""
    names = _TARGET.findall(ast.unparse(annotation)) if annotation is not None else []
    return next((one for one in names if one not in _ANNOTATIONS), "")


def _parsed(node: ast.expr) -> ast.expr:
    """What a string or a lambda holds."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise _UnreadableError from None
    return node.body if isinstance(node, ast.Lambda) else node


def _pairs(node: ast.expr) -> Iterator[tuple[Side, Side]]:
    if isinstance(node, ast.Call) and called(node) == "and_":
        for one in node.args:
            yield from _pairs(one)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        yield from _pairs(node.left)
        yield from _pairs(node.right)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
        yield _side(node.left), _side(node.comparators[0])
    else:
        raise _UnreadableError


def _side(node: ast.expr) -> Side:
    """`Message.id`, also foreign(Message.id) and models.Message.id."""
    if isinstance(node, ast.Call) and called(node) in _MARKS and node.args:
        return _side(node.args[0])
    if isinstance(node, ast.Attribute):
        of = node.value
        if isinstance(of, ast.Attribute) and of.attr in ("c", "columns"):  # table.c.column
            of = of.value
        if owner := called(of):
            return owner, node.attr
    raise _UnreadableError


def _attributes(node: ast.expr) -> Iterator[str]:
    """[Routing.message_id] or message_id."""
    for one in node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]:
        if not called(one):
            raise _UnreadableError
        yield called(one)
