"""Names in reports are as PostgreSQL reads them, and do nothing to a terminal."""

from __future__ import annotations

import pytest

from tsmigrate.advise.names import shown
from tsmigrate.catalog.relation import Relation


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reading", "public.reading"),
        ('My "table"', 'public."My ""table"""'),
        ("back\\slash", 'public."back\\slash"'),
        ('two\nlines\\ "\x1b[2J"', r'public.U&"two\+00000alines\\ ""\+00001b[2J"""'),
    ],
)
def test_what_would_move_the_cursor_is_escaped(name: str, expected: str) -> None:
    assert shown(Relation("public", name)) == expected
    assert expected.isprintable()
