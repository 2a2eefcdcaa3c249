"""What differs between two texts of a schema, object by object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff

from tsmigrate.catalog.sections import cut

Objects = dict[str, list[str]]


def difference(before: str, after: str, heading: re.Pattern[str]) -> str:
    """A unified diff whose hunks are headed by the object they are about. Empty when the texts are equal."""
    if before == after:
        return ""
    old, new = _objects(before, heading), _objects(after, heading)
    hunks = "".join(_hunk(name, old.get(name, []), new.get(name, [])) for name in _all_names(old, new))
    hunks = hunks or _hunk("the order of the objects", list(old), list(new))
    hunks = hunks or _hunk("the whole text", before.split("\n"), after.split("\n"))
    return f"--- before\n+++ after\n{hunks}"


def _all_names(old: Objects, new: Objects) -> Iterator[str]:
    """Those of the old text in its order, then those only in the new one."""
    yield from old
    yield from (name for name in new if name not in old)


def _hunk(name: str, before: list[str], after: list[str]) -> str:
    lines = list(unified_diff(before, after, lineterm="", n=3))[2:]
    return "".join(f"@@ {name} @@\n" if line.startswith("@@") else f"{line}\n" for line in lines)


def _objects(text: str, heading: re.Pattern[str]) -> Objects:
    """The lines of each object by its name; two of one name share them.

    What stands between two objects is left out: it changes with the neighbour, not with the object.
    """
    objects: Objects = {}
    for section in cut(text, heading):
        objects.setdefault(section.name, []).extend("\n".join(section.lines).rstrip("\n").split("\n"))
    return objects
