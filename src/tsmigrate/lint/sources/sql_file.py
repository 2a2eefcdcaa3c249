"""SQL files: every statement in them."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.lint.snippet import Snippet
from tsmigrate.lint.sources.source import source
from tsmigrate.lint.sql import split
from tsmigrate.lint.sql.placeholders import Offsets


@source(".sql")
def sql_file(content: bytes) -> Iterator[Snippet]:
    """The statements of the file, function bodies included."""
    for offset, text in split.statements(content):
        yield Snippet(text, Offsets(offset), holes=True)
