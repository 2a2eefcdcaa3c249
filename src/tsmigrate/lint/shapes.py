"""Statements that differ in what says nothing about a hypertable are judged once: the memory of shapes already judged.

*Alike* are statements that differ in literals only: strings, and numbers of three digits or more (smaller ones are
positions in ORDER BY, or the 1 = 0 of a query that finds nothing). What was told of one is told of the other. A text
with comments, quoted names or dollar quotes is not shaped: a quote inside of those is no literal.

*Kin* are statements that become alike when the names that mean nothing to the linter (aliases, columns that no index or
rule knows, tables that are no hypertables) are numbered in the order in which they first stand. Where nothing was told
of one, nothing is told of the other; what is told holds names, so it is not handed on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Container
from dataclasses import dataclass, field

from tsmigrate.lint.rules.rule import Rule, Told

_LITERAL = re.compile(rb"'[^']*'|(?<![\w.$])\d{3,}(?![\w.])")
_SHAPED = re.compile(rb"\s*\(?\s*(?:select|insert|update|delete|with|merge)\b", re.IGNORECASE)
_HARD = re.compile(rb'--|/\*|\\|"|\$(?!\d)')
_WORD = re.compile(
    rb"%(?:\(\w+\))?\w | ::?\s*\w+ | @\w+ | \{[^{}]*\}"  # placeholders and types stay
    rb"| [a-z_\x80-\xff][\w$\x80-\xff]*+(?=\s*\?)"  # so do the types of literals: date '2026-01-01'
    rb"| (?<![\w$]) ([a-z_\x80-\xff][\w$\x80-\xff]*+)",
    re.VERBOSE,
)
_MOST = 20_000

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a rule told of a shape, and where in the shape."""

    rule: Rule
    told: Told
    table: str
    start: int
    width: int  # of the word that is marked; of a number it differs
    fingerprint: str


@dataclass
class Shapes:
    """`meant`: the words that mean something to the linter, lower case; without any there are no kin."""

    meant: frozenset[bytes] = frozenset()
    known: dict[Key, tuple[Remembered, ...]] = field(default_factory=dict)
    silent: set[Key] = field(default_factory=set)  # of kin: nothing is told of them

    def told(self, key: Key) -> tuple[Remembered, ...] | None:
        """What is told of statements of this shape; None: none was judged yet."""
        found = self.known.get(key)
        if found is None and self.silent and self._kin(key) in self.silent:
            return ()
        return found

    def remember(self, key: Key, told: tuple[Remembered, ...]) -> None:
        if len(self.known) >= _MOST:
            self.known.clear()
        self.known[key] = told
        if self.meant and not told:
            if len(self.silent) >= _MOST:
                self.silent.clear()
            self.silent.add(self._kin(key))

    def _kin(self, key: Key) -> Key:
        text, *traits = key
        return (kin(text, self.meant), *traits) if isinstance(text, bytes) else key


def shape(text: bytes) -> bytes | None:
    """The text without its literals. None: it cannot be told safely where they are."""
    if _SHAPED.match(text) is None or _HARD.search(text) is not None:
        return None
    return _LITERAL.sub(b"?", text)


def kin(shape: bytes, meant: Container[bytes]) -> bytes:
    """The shape with its names numbered, but for those in `meant`."""
    numbered: dict[bytes, bytes] = {}

    def name(found: re.Match[bytes]) -> bytes:
        word = found[1]
        if word is None or word in meant:
            return found[0]
        return numbered.get(word) or numbered.setdefault(word, b"\\%d" % len(numbered))

    return _WORD.sub(name, shape.lower())


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
