"""Python's string literals to text with holes, each byte of which knows its place in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

from tsmigrate.lint.sql.placeholders import Offsets

_LITERAL = re.compile(rb"([A-Za-z]{0,2})(\"\"\"|'''|\"|')")
_ESCAPE = re.compile(
    rb"\\(?:(\r?\n)|([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{[^}]*\}|([0-7]{1,3}))"
)
_SIMPLE = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BLANK = re.compile(rb"(?:\s|\\\r?\n|#[^\n]*)*")
HOLE = b"{hole}"


class Texts(Protocol):
    """The texts that names stand for."""

    def get(self, name: str) -> str | None: ...


@dataclass
class Text:
    """A string being put together."""

    parts: list[bytes] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    add: list[int] = field(default_factory=list)
    length: int = 0
    holes: int = 0

    def put(self, text: bytes, place: int) -> None:
        """`text`, whose first byte stands at `place` in the file."""
        if not text:
            return
        shift = place - self.length
        if not self.add or self.add[-1] != shift:
            self.at.append(self.length)
            self.add.append(shift)
        self.parts.append(text)
        self.length += len(text)

    def hole(self, place: int, width: int = len(HOLE)) -> None:
        self.holes += 1
        self.put(b"{" + b"h" * max(width - 2, 1) + b"}", place)

    def join(self, other: Text) -> None:
        for start, part in zip(_starts(other.parts), other.parts, strict=True):
            self.put(part, other.offsets().source(start))
        self.holes += other.holes

    @property
    def bytes(self) -> bytes:
        return b"".join(self.parts)

    def offsets(self) -> Offsets:
        return Offsets(0, tuple(self.at), tuple(self.add))


def _starts(parts: list[bytes]) -> list[int]:
    starts, at = [], 0
    for part in parts:
        starts.append(at)
        at += len(part)
    return starts


def read(content: bytes, start: int, end: int, constants: Texts) -> Text | None:
    """The literals between two offsets, side by side as Python joins them. None: this is not what stands there."""
    made = Text()
    at = start
    while at < end:
        blank = _BLANK.match(content, at, end)
        at = blank.end() if blank else at
        if at >= end:
            break
        opening = _LITERAL.match(content, at, end)
        if opening is None:
            return None
        prefix, quote = opening[1].lower(), opening[2]
        if b"b" in prefix:
            return None
        closing = _closing(content, opening.end(), end, quote)
        if closing < 0:
            return None
        if b"f" in prefix:
            _Formatted(content, opening.end(), closing, b"r" in prefix).into(made, constants)
        else:
            plain(content, opening.end(), closing, is_raw=b"r" in prefix, made=made)
        at = closing + len(quote)
    return made


def _closing(content: bytes, at: int, end: int, quote: bytes) -> int:
    while True:
        found = content.find(quote, at, end)
        if found < 0:
            return -1
        back = found
        while back > at and content[back - 1 : back] == b"\\":
            back -= 1
        if (found - back) % 2 == 0:
            return found
        at = found + 1


def plain(content: bytes, start: int, end: int, *, is_raw: bool, made: Text) -> None:
    if is_raw or content.find(b"\\", start, end) < 0:
        made.put(content[start:end], start)
        return
    at = start
    for escape in _ESCAPE.finditer(content, start, end):
        made.put(content[at : escape.start()], at)
        made.put(_unescaped(escape), escape.start())
        at = escape.end()
    made.put(content[at:end], at)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    newline, simple, *codes, octal = escape.groups()
    if newline is not None:
        return b""
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    digits = next((code for code in codes if code), None)
    try:
        code = int(digits, 16) if digits else int(octal, 8) if octal else 63
        return chr(code).encode()
    except (ValueError, OverflowError, UnicodeEncodeError):
        return b"?"


@dataclass(frozen=True)
class _Formatted:
    """The inside of an f-string: `{{` is a brace, `{expression}` a hole, or the text of a constant of the module."""

    content: bytes
    start: int
    end: int
    is_raw: bool

    def into(self, made: Text, constants: Texts) -> None:
        content, at, end = self.content, self.start, self.end
        while at < end:
            brace = min((found for one in (b"{", b"}") if (found := content.find(one, at, end)) >= 0), default=end)
            plain(content, at, brace, is_raw=self.is_raw, made=made)
            if brace >= end:
                return
            if content[brace : brace + 2] in (b"{{", b"}}"):
                made.put(content[brace : brace + 1], brace)
                at = brace + 2
                continue
            close = _brace(content, brace, end)
            name = content[brace + 1 : close].strip().decode("utf-8", "replace")
            if (known := constants.get(name)) is not None:
                made.put(known.encode(), brace)
            else:
                made.hole(brace, close + 1 - brace)
            at = close + 1


def _brace(content: bytes, at: int, end: int) -> int:
    depth = 0
    for place in range(at, end):
        one = content[place]
        depth += (one == 0x7B) - (one == 0x7D)
        if depth == 0:
            return place
    return end
