"""An order of objects that does not depend on the rows.

pg_dump puts a table before those that inherit from it, those it leaves out included. Chunks inherit, and their schema
sorts before `public`, so a hypertable moves to the front of the dump with its first row, and the line that sets the
default tablespace moves with whatever comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tsmigrate.catalog.sections import SCHEMA, Section, cut

_DEFAULT = re.compile(r"SET (?P<setting>default_\w+) = (?P<value>.*);")
_ORDINARY = {"default_tablespace": "''", "default_table_access_method": "heap"}
# Which kinds of object a setting means something to: pg_dump does not reset it for the others.
_USERS = {
    "default_tablespace": {"TABLE", "MATERIALIZED VIEW", "INDEX", "CONSTRAINT"},
    "default_table_access_method": {"TABLE", "MATERIALIZED VIEW"},
}


def by_name(dump: str) -> str:
    """The objects of a dump by name, each with the default settings it is created under unless they are ordinary."""
    beginning, *objects, end = cut(dump, SCHEMA)
    ordered = sorted(_with_settings(objects), key=lambda pair: pair[0])
    texts = ["\n".join(lines).rstrip("\n") for _, lines in ordered]
    return "\n\n\n".join(["\n".join(beginning.lines), *texts, "\n".join(["--", *end.lines])])


def _with_settings(objects: list[Section]) -> Iterator[tuple[str, list[str]]]:
    """Heading and lines of each object."""
    current = dict(_ORDINARY)
    for section in objects:
        current |= {found["setting"]: found["value"] for line in section.before if (found := _DEFAULT.fullmatch(line))}
        settings = [
            f"SET {name} = {value};"
            for name, value in current.items()
            if value != _ORDINARY.get(name) and section.type in _USERS.get(name, {section.type})
        ]
        heading, dashes, *lines = section.lines
        yield section.heading, ["--", heading, dashes, *(["", *settings] if settings else []), *lines]
