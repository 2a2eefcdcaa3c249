"""SQL files to statements: psql's commands and COPY's data blanked, then split where PostgreSQL's scanner would."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tsmigrate.lint.sql import native
from tsmigrate.lint.sql.native import ParseError

_NOTHING = re.compile(rb"(?:[\s;]++|--[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_OPENS_BODY = re.compile(rb"\bbegin\s+atomic\b", re.IGNORECASE)
_ENDS_BODY = re.compile(rb"\s*end\b", re.IGNORECASE)
_CLOSES_BODY = re.compile(rb"\bend\s*$", re.IGNORECASE)


def statements(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Each statement of a file with its offset."""
    text = without_client_commands(text)
    for offset, length in parts(text):
        statement = text[offset : offset + length]
        lead = length - len(statement.lstrip())
        if lead < length:
            yield offset + lead, statement[lead:]


def parts(text: bytes) -> list[tuple[int, int]]:
    """Where statements begin and how long they are. What no scanner can read is split at its semicolons."""
    try:
        found = native.split(text)
    except ParseError:
        from tsmigrate.lint.sql import psql  # noqa: PLC0415 - most files are whole

        found = psql.by_semicolons(text)
    else:
        found += _left_over(text, sum(found[-1]) if found else 0)
    return list(_with_bodies(text, found)) if b"atomic" in text.lower() else found


def _left_over(text: bytes, end: int) -> list[tuple[int, int]]:
    """What follows a bracket that is never closed: the scanner says nothing of it."""
    rest = text[end:]
    if _NOTHING.fullmatch(rest):
        return []
    from tsmigrate.lint.sql import psql  # noqa: PLC0415 - most files are whole

    return [(end + offset, length) for offset, length in psql.by_semicolons(rest) if length]


def _with_bodies(text: bytes, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The scanner cuts BEGIN ATOMIC … END at its semicolons: put it together again."""
    atomic = -1
    for offset, length in found:
        statement = text[offset : offset + length]
        if atomic >= 0:
            if _ENDS_BODY.match(statement):
                yield atomic, offset + length - atomic
                atomic = -1
        elif _OPENS_BODY.search(statement) and not _CLOSES_BODY.search(statement):
            atomic = offset
        else:
            yield offset, length
    if atomic >= 0:
        yield atomic, len(text) - atomic


def without_client_commands(text: bytes) -> bytes:
    """psql's backslash commands and the data of COPY … FROM stdin replaced by spaces: every offset stays."""
    if b"\\" not in text:
        return text
    from tsmigrate.lint.sql import psql  # noqa: PLC0415 - most files are not for psql

    return psql.blanked(text)
