"""Statements that differ in literals only are judged once: the memory of shapes already judged.

Which literals may differ: strings, and numbers of three digits or more (smaller ones are positions in ORDER BY, or the
1 = 0 of a query that finds nothing). A text with comments, quoted names or dollar quotes is not shaped: a quote inside
of those is no literal.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from tsmigrate.lint.rules.rule import Rule, Told

_LITERAL = re.compile(rb"'[^']*'|(?<![\w.$])\d{3,}(?![\w.])")
_SHAPED = re.compile(rb"\s*\(?\s*(?:select|insert|update|delete|with|merge)\b", re.IGNORECASE)
_HARD = re.compile(rb'--|/\*|\\|"|\$(?!\d)')
_MOST = 20_000

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a rule told of a shape; offsets are of the shape."""

    rule: Rule
    told: Told
    table: str
    start: int
    end: int
    fingerprint: str


@dataclass
class Shapes:
    known: dict[Key, tuple[Remembered, ...]] = field(default_factory=dict)

    def remember(self, key: Key, told: tuple[Remembered, ...]) -> None:
        if len(self.known) >= _MOST:
            self.known.clear()
        self.known[key] = told


def shape(text: bytes) -> bytes | None:
    """The text without its literals. None: it cannot be told safely where they are."""
    if _SHAPED.match(text) is None or _HARD.search(text) is not None:
        return None
    return _LITERAL.sub(b"?", text)


class Cuts:
    """From offsets of a text to offsets of its shape, and back."""

    def __init__(self, text: bytes) -> None:
        spans = [found.span() for found in _LITERAL.finditer(text)]
        self._starts = [start for start, _ in spans]
        shift, self._shifts, self._shaped = 0, [0], []
        for start, end in spans:
            self._shaped.append(start - shift)
            shift += end - start - 1
            self._shifts.append(shift)

    def shaped(self, offset: int) -> int:
        return offset - self._shifts[bisect_left(self._starts, offset)]

    def original(self, offset: int) -> int:
        return offset + self._shifts[bisect_left(self._shaped, offset)]
