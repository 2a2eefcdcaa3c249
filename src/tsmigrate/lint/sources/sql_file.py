"""SQL files: every statement in them."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.lint.names import Names
from tsmigrate.lint.snippet import Snippet
from tsmigrate.lint.sources.source import source
from tsmigrate.lint.sql import split
from tsmigrate.lint.sql.placeholders import Offsets


@source(".sql")
def sql_file(content: bytes, names: Names) -> Iterator[Snippet | int]:
    """The statements of the file, function bodies included."""
    text = split.without_client_commands(content)
    places = names.places(text, b"search_path", b"tsmigrate")
    sure = b"search_path" not in text and b"tsmigrate" not in text
    next_place, passed = 0, 0
    for offset, length in split.parts(text):
        end = offset + length
        while next_place < len(places) and places[next_place] < offset:
            next_place += 1
        if next_place >= len(places) or places[next_place] >= end:
            passed += 1
            continue
        statement = text[offset:end]
        lead = length - len(statement.lstrip())
        if lead < length:
            yield Snippet(statement[lead:], Offsets(offset + lead), holes=True, named=sure)
    yield passed
