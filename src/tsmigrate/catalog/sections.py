"""A text of a schema, cut into its objects."""

from __future__ import annotations

import re
from dataclasses import dataclass

# How an object begins: pg_dump heads each with such a line between two bare dashes and blank lines, which a function's
# body or a comment hardly ever holds; TimescaleDB's text with the only line at the margin.
SCHEMA = re.compile(
    r"(?<=\n\n--\n)^(?:-- Name: (?P<name>.*); Type: (?P<type>.*?); Schema: (?P<schema>.*?); Owner:.*"
    r"|-- PostgreSQL database dump complete)$(?=\n--\n\n)",
    re.MULTILINE,
)
TIMESCALE = re.compile(r"^(?P<name>\S.*)$", re.MULTILINE)

# These stand between two objects and are the next one's.
_BEFORE_HEADING = re.compile(r"--|SET default_\w+ = .*;|")


@dataclass(frozen=True)
class Section:
    name: str  # as a person calls it: TABLE public.readings
    type: str  # pg_dump's word; empty for the text's beginning and end
    heading: str
    before: list[str]  # the lines between the object before and the heading
    lines: list[str]  # the heading and what follows it


def cut(text: str, heading: re.Pattern[str]) -> list[Section]:
    """All lines of `text`, the first section being what stands before the first object."""
    found = list(heading.finditer(text))
    ends = [*(max(match.start() - 1, 0) for match in found), len(text)]
    sections = [Section(name="the beginning", type="", heading="", before=[], lines=text[: ends[0]].split("\n"))]
    for match, end in zip(found, ends[1:], strict=True):
        sections.append(
            Section(
                name=_name(match),
                type=match.groupdict().get("type") or "",
                heading=match[0],
                before=_taken_from_end(sections[-1].lines),
                lines=text[match.start() : end].split("\n"),
            )
        )
    return sections


def _name(heading: re.Match[str]) -> str:
    parts = heading.groupdict()
    if not parts.get("name"):
        return "the end"
    schema = f"{parts['schema']}." if parts.get("schema", "-") != "-" else ""
    return f"{parts.get('type') or ''} {schema}{parts['name']}".strip()


def _taken_from_end(lines: list[str]) -> list[str]:
    """The lines at the end of an object that belong to the next, removed from it."""
    start = len(lines)
    while start and _BEFORE_HEADING.fullmatch(lines[start - 1]):
        start -= 1
    begun = lines[start:]
    del lines[start:]
    return begun
