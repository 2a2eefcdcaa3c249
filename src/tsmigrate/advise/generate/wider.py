"""A unique index's definition with one more column."""

from __future__ import annotations

from tsmigrate.sql import identifier

_KEY = " USING btree ("


def with_column(definition: str, column: str) -> str:
    """`definition` is pg_get_indexdef's. Only btree indexes can be unique, so that is what stands before the key."""
    begin = _after_names(definition)
    end = _closing(definition, begin)
    return f"{definition[:end]}, {identifier(column)}{definition[end:]}"


def _after_names(definition: str) -> int:
    """Where the key begins: a name in quotes may hold the same words."""
    quoted = False
    for place, each in enumerate(definition):
        quoted ^= each == '"'
        if not quoted and definition.startswith(_KEY, place):
            return place + len(_KEY)
    raise AssertionError(f"a unique index without a key: {definition}")


def _closing(definition: str, begin: int) -> int:
    depth, quote = 1, ""
    for place in range(begin, len(definition)):
        each = definition[place]
        if quote:
            quote = "" if each == quote else quote
        elif each in "'\"":
            quote = each
        else:
            depth += (each == "(") - (each == ")")
            if depth == 0:
                return place
    raise AssertionError(f"a key without an end: {definition}")
