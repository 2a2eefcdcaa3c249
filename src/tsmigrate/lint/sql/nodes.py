"""Small readings of libpg_query's tree. A node is a dict with one key, its kind; the library leaves out what is 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tsmigrate.lint.sql.native import Node


def opened(node: Node) -> tuple[str, Any]:
    """A node's kind and its fields."""
    for kind, body in node.items():
        return kind, body
    return "", {}


def strings(nodes: list[Node] | None) -> list[str]:
    """A list of names: String nodes; what is not a String (a star) becomes '*'."""
    return [node["String"].get("sval", "") if "String" in node else "*" for node in nodes or ()]


def constant(node: Node | None) -> Any:
    """A literal's value; None for NULL and for what is no literal."""
    body = (node or {}).get("A_Const")
    if not body or body.get("isnull"):
        return None
    for kind in ("ival", "fval", "boolval", "sval", "bsval"):
        if kind in body:
            value = body[kind].get(kind)
            return {"ival": 0, "boolval": False, "sval": ""}.get(kind) if value is None else value
    return None


def walk(node: Any) -> Iterator[tuple[str, Any]]:
    """Every node in a tree, its kind and fields, parents first. Not recursive: a tree may be deep."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            for kind, body in one.items():
                if kind[0].isupper() and isinstance(body, dict):
                    yield kind, body
                if isinstance(body, (dict, list)):
                    waiting.append(body)


def location(node: Node | None, default: int = 0) -> int:
    """The smallest offset below a node: where its text begins. 0 where nothing in it has a place."""
    if not node:
        return default
    places = [body["location"] for _, body in walk(node) if body.get("location", -1) >= 0]
    return min(places, default=default)


def schemas(setting: Any) -> tuple[str, ...]:
    """The schemas that a SET search_path names."""
    values = [one.get("A_Const", {}).get("sval", {}).get("sval", "") for one in setting.get("args", ())]
    return tuple(name.strip().strip('"') for value in values for name in value.split(",") if name.strip())
