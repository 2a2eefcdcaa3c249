"""Placeholders of drivers and templates, made into what PostgreSQL's grammar knows, with the way back to the source.

`%s`, `%(x)s`, `:x`, `:'x'`, `?`, `@x`, `${x}`, `{x}` and `{{ x }}` become `$1`, or a name where only a name can stand
(`FROM {table}`), or an empty literal (`interval :x`). Most keep their length; the rest is told by `Offsets`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache


@cache
def _tokens() -> re.Pattern[bytes]:
    """Compiled when the first placeholder is met."""
    return re.compile(
        rb"""
        (?P<skip> --[^\n]* | /\*(?:[^*]|\*(?!/))*\*/
            | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'
            | (?<!:)'(?:[^']|'')*'
            | "(?:[^"]|"")*"
            | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)?\$ )
        | (?P<percent> %% )
        | (?P<hole> %\(\w+\)[sdif] | %[sdifbLI](?!\w)
            | \$\{[^{}]*\} | \{\{[^{}]*\}\} | \{[^{}\s]*\}
            | :'\w+' | :"\w+" | (?<![:\w\]]):[A-Za-z_]\w*
            | (?<![@<>=!~*/+|&^\#%-])@[A-Za-z_]\w* | (?<=[=<>(,\s])@[A-Za-z_]\w*
            | \? )
    """,
        re.VERBOSE | re.DOTALL,
    )


_WORD_BEFORE = re.compile(rb"(?:([A-Za-z_]+)|([^\sA-Za-z_]))\s*$")
_NAMED_AFTER = frozenset(
    b"from join into update table only view index trigger function truncate analyze vacuum schema references".split()
)
_LITERAL_AFTER = frozenset(b"interval timestamp timestamptz date time".split())
# After these a `?` begins a value; after a name, a literal or a closing bracket it is an operator of jsonb.
_VALUE_AFTER = frozenset(
    b"and or not in like ilike between then else when case limit offset values select set returning interval where "
    b"having on by as timestamp date is any all default".split()
)
_QUESTION_AFTER = b"=<>(,+-*/|"
_NEXT = re.compile(rb"[\w.]")
MAY_HOLD = re.compile(rb"[%?{@]|(?<![:\w]):[A-Za-z'\"]")


@dataclass(frozen=True)
class Offsets:
    """From a place in the text that was parsed to the place in the source it came from."""

    base: int = 0
    at: tuple[int, ...] = ()  # from this offset of the text on …
    add: tuple[int, ...] = ()  # … this much further on in the source

    def source(self, offset: int) -> int:
        found = bisect_right(self.at, offset) - 1
        return self.base + offset + (self.add[found] if found >= 0 else 0)

    def moved(self, by: int) -> Offsets:
        """For the part of the text that begins at `by`."""
        return Offsets(self.base + by, tuple(at - by for at in self.at), self.add)

    def after(self, first: Offsets) -> Offsets:
        """For a text that `first` leads back to this one's text."""
        if not first.at:
            return self
        if not self.at:
            return Offsets(self.base, first.at, first.add)
        points = sorted({*first.at, *(one for at in self.at for one in first.back(at))})
        return Offsets(0, tuple(points), tuple(self.source(first.source(one)) - one for one in points))

    def back(self, place: int) -> tuple[int, ...]:
        """The offset that leads to `place` in the source, if one does."""
        tries = {place - self.base, *(place - self.base - add for add in self.add)}
        return tuple(one for one in tries if one >= 0 and self.source(one) == place)


@dataclass
class _Rewriting:
    parts: list[bytes] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    add: list[int] = field(default_factory=list)
    length: int = 0
    shift: int = 0

    def put(self, text: bytes) -> None:
        self.parts.append(text)
        self.length += len(text)

    def replace(self, old: bytes, new: bytes) -> None:
        """`new` for `old`, padded to its length where it is shorter."""
        self.put(new.ljust(len(old)))
        if len(new) > len(old):
            self.shift += len(old) - len(new)
            self.at.append(self.length)
            self.add.append(self.shift)


def normalised(text: bytes, *, clause_holes: bool = False) -> tuple[bytes, Offsets]:
    """`text` with its placeholders replaced. `clause_holes`: those where only a whole clause fits are left out."""
    if not MAY_HOLD.search(text):
        return text, Offsets()
    made = _Rewriting()
    done = 0
    for token in _tokens().finditer(text):
        if token["skip"] is not None:
            continue
        old = token[0]
        before = _WORD_BEFORE.search(text, max(0, token.start() - 80), token.start())
        new = (
            b"%".ljust(2) if token["percent"] else _replacement(text, token.start(), token.end(), before, clause_holes)
        )
        if new is None:
            continue
        made.put(text[done : token.start()])
        made.replace(old, new)
        done = token.end()
    made.put(text[done:])
    return b"".join(made.parts), Offsets(0, tuple(made.at), tuple(made.add))


def _replacement(text: bytes, start: int, end: int, before: re.Match[bytes] | None, clause: bool) -> bytes | None:
    old = text[start:end]
    word = before[1].lower() if before and before[1] else b""
    sign = before[2] if before and before[2] else b""
    glued = text[start - 1 : start] if start else b""
    if old == b"?" and not (word in _VALUE_AFTER or (sign and sign in _QUESTION_AFTER) or not before):
        return None  # the operator of jsonb
    if old.startswith((b":'", b":[")):
        return b"''"
    if old.startswith(b':"') or glued == b"." or _NEXT.match(text, end) or glued.isalnum() or glued == b"_":
        return _name(old)
    if word in _NAMED_AFTER:
        return _name(old)
    if word in _LITERAL_AFTER and text[start - 1 : start] != b"(":
        return b"''"
    if word in (b"in", b"values"):
        return b"($1)"
    if clause and not (word in _VALUE_AFTER or (sign and sign in _QUESTION_AFTER)):
        return b""
    return b"$1"


def _name(old: bytes) -> bytes:
    """A name of the same length that nobody gave."""
    return b"hole_"[: len(old)].ljust(len(old), b"_") if len(old) > 1 else b"h"
