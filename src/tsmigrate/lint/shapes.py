"""Statements that differ in what says nothing about a hypertable are judged once: the memory of shapes already judged.

*Alike* are statements that differ in literals only: strings, and numbers of three digits or more (smaller ones are
positions in ORDER BY, or the 1 = 0 of a query that finds nothing). What was told of one is told of the other. A text
with comments, quoted names or dollar quotes is not shaped: a quote inside of those is no literal.

*Kin* are statements that become alike when the names that mean nothing to the linter (aliases, columns that no index or
rule knows, tables that are no hypertables) are numbered in the order in which they first stand. What is told of one is
told of the other, in its own names: it is learned from the same statement with names that stand nowhere else (`stamp`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Container
from dataclasses import dataclass, field, replace

from tsmigrate.lint.rules.rule import Rule, Told, quoted

_LITERAL = re.compile(rb"'[^']*'|(?<![\w.$])\d{3,}(?![\w.])")
_SHAPED = re.compile(rb"\s*\(?\s*(?:select|insert|update|delete|with|merge)\b", re.IGNORECASE)
_HARD = re.compile(rb'--|/\*|\\|"|\$(?!\d)')
# Not the names of placeholders, of types after ::, and of types before literals: date '2026-01-01'.
_NAME = re.compile(rb"(?<![\w$%:@{)])([a-z_\x80-\xff][\w$\x80-\xff]*+)(?!\s*\?)")
_STAMP = re.compile(r"\bkin_(\d+)_(?!\w)")
_LONGEST = 63  # bytes of a name: what is longer is cut by the server
_MOST = 20_000

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a rule told of a shape, and where in the shape."""

    rule: Rule
    told: Told
    table: str
    start: int
    fingerprint: str


@dataclass(slots=True)
class Kin:
    """A shape cut at its names: `pieces` in turn what stands between names, and a name."""

    key: Key
    pieces: list[bytes]
    names: tuple[bytes, ...]  # that are numbered

    @property
    def are_plain(self) -> bool:
        """Whether the names are written in messages as they stand in the statement."""
        return all(
            len(name) <= _LONGEST and name.isascii() and quoted(name.decode()) == name.decode() for name in self.names
        )

    def place(self, start: int) -> tuple[int, int]:
        """The piece in which an offset of the shape lies, and how far into it."""
        for number, piece in enumerate(self.pieces):
            if start < len(piece):
                return number, start
            start -= len(piece)
        return len(self.pieces), start

    def offset(self, place: tuple[int, int]) -> int:
        number, further = place
        return sum(map(len, self.pieces[:number])) + further

    def stamped(self, text: bytes) -> bytes:
        """The statement of this shape with its numbered names replaced by such as stand nowhere else."""
        cuts, numbers = Cuts(text), {name: number for number, name in enumerate(self.names)}
        made, done, at = [], 0, 0
        for number, piece in enumerate(self.pieces):
            if number % 2 and piece in numbers:
                start = cuts.original(at)
                made += [text[done:start], b"kin_%d_" % numbers[piece]]
                done = start + len(piece)
            at += len(piece)
        return b"".join([*made, text[done:]])


@dataclass(frozen=True, slots=True)
class Template:
    """What a rule told of stamped kin."""

    rule: Rule
    told: Told
    table: str
    place: tuple[int, int]

    def of(self, kin: Kin, fingerprint: str) -> Remembered:
        """The same, told of these kin."""

        def name(found: re.Match[str]) -> str:
            return kin.names[int(found[1])].decode()

        message, hint = _STAMP.sub(name, self.told.message), _STAMP.sub(name, self.told.hint)
        start = kin.offset(self.place)
        return Remembered(
            self.rule, replace(self.told, message=message, hint=hint, start=start), self.table, start, fingerprint
        )


@dataclass
class Shapes:
    """`meant`: the words that mean something to the linter, lower case; without any there are no kin."""

    meant: frozenset[bytes] = frozenset()
    known: dict[Key, tuple[Remembered, ...]] = field(default_factory=dict)
    of_kin: dict[Key, tuple[Template, ...] | None] = field(default_factory=dict)  # None: to be judged one by one

    def remember(self, key: Key, told: tuple[Remembered, ...]) -> None:
        if len(self.known) >= _MOST:
            self.known.clear()
        self.known[key] = told

    def remember_kin(self, kin: Kin, templates: tuple[Template, ...] | None) -> None:
        if len(self.of_kin) >= _MOST:
            self.of_kin.clear()
        self.of_kin[kin.key] = templates

    def kin(self, key: Key) -> Kin | None:
        shape, *traits = key
        return kin(shape, self.meant, tuple(traits)) if self.meant and isinstance(shape, bytes) else None


def shape(text: bytes) -> bytes | None:
    """The text without its literals. None: it cannot be told safely where they are."""
    if _SHAPED.match(text) is None or _HARD.search(text) is not None:
        return None
    return _LITERAL.sub(b"?", text)


def kin(shape: bytes, meant: Container[bytes], traits: Key = ()) -> Kin:
    """The shape with its names numbered, but for those in `meant`."""
    pieces = _NAME.split(shape.lower())
    numbers: dict[bytes, int] = {}
    key: list[object] = [*pieces]
    key[1::2] = [name if name in meant else numbers.setdefault(name, len(numbers)) for name in pieces[1::2]]
    return Kin((*key, *traits), pieces, tuple(numbers))


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
