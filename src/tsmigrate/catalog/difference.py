"""What differs between two texts of a schema, object by object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff
from itertools import dropwhile

# How an object begins: pg_dump heads each with such a line between two bare dashes, TimescaleDB's text with the only
# line at the margin.
SCHEMA = re.compile(
    r"-- Name: (?P<name>.*); Type: (?P<type>.*?); Schema: (?P<schema>.*?); Owner:|-- PostgreSQL database dump complete"
)
TIMESCALE = re.compile(r"(?P<name>\S.*)")

# These stand between two objects and are the next one's.
_BELONGS_TO_NEXT = re.compile(r"--|SET default_\w+ = .*;|")

Sections = dict[str, list[str]]


def difference(before: str, after: str, heading: re.Pattern[str]) -> str:
    """A unified diff whose hunks are headed by the object they are about. Empty when the texts are equal."""
    if before == after:
        return ""
    old, new = _sections(before, heading), _sections(after, heading)
    hunks = [_hunk(name or "the beginning", old.get(name, []), new.get(name, [])) for name in _all_names(old, new)]
    # Also when other hunks are there: their order is part of what the two sides say.
    kept = [[name for name in side if name in old and name in new] for side in (old, new)]
    hunks.append(_hunk("the order of the objects", *kept))
    if not any(hunks):
        hunks.append(_hunk("the whole text", before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return "".join(["--- before\n", "+++ after\n", *hunks])


def _all_names(old: Sections, new: Sections) -> Iterator[str]:
    """Those of the old text in its order, then those only in the new one."""
    yield from old
    yield from (name for name in new if name not in old)


def _hunk(name: str, before: list[str], after: list[str]) -> str:
    lines = list(unified_diff(before, after, lineterm="", n=3))[2:]
    return "".join(f"@@ {name} @@\n" if line.startswith("@@") else f"{line}\n" for line in lines)


def _sections(text: str, heading: re.Pattern[str]) -> Sections:
    """The lines of each object, by its name; two of one name share a section. Blank lines between objects are gone."""
    sections: Sections = {"": []}
    current = sections[""]
    for line in text.split("\n"):
        if found := heading.match(line):
            begun = _taken_from_end(current)
            current = sections.setdefault(_name(found), [])
            current += dropwhile(lambda line: not line, begun)
        current.append(line)
    _taken_from_end(current)
    return sections


def _name(heading: re.Match[str]) -> str:
    """What a person calls the object: `TABLE public.readings`."""
    parts = heading.groupdict()
    if not parts.get("name"):
        return "the end"
    schema = f"{parts['schema']}." if parts.get("schema", "-") != "-" else ""
    return f"{parts.get('type') or ''} {schema}{parts['name']}".strip()


def _taken_from_end(lines: list[str]) -> list[str]:
    """The lines at the end of a section that begin the next, removed from it."""
    start = len(lines)
    while start and _BELONGS_TO_NEXT.fullmatch(lines[start - 1]):
        start -= 1
    begun = lines[start:]
    del lines[start:]
    return begun
