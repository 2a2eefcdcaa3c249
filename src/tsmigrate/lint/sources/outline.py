"""Which part of a Python file is worth parsing: the statements and methods around the places that name a hypertable.

Python's own parser reads about 10 MB/s; finding where statements begin goes several times as fast, and few files speak
of a hypertable in more than a few places. A part stands for itself: whole statements of the module, and of a class its
head with whole methods.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

# Strings and comments are passed over. A head is a line on which a statement of the module begins, or further in a
# function, a class or a decorator.
_TOKEN = re.compile(
    rb"""
    \#[^\n]*+
    | \"{3} [^"\\]*+ (?: (?:\\.|"(?!"")) [^"\\]*+ )*+ (?:\"{3})?
    | '{3} [^'\\]*+ (?: (?:\\.|'(?!'')) [^'\\]*+ )*+ (?:'{3})?
    | " [^"\\\n]*+ (?: \\. [^"\\\n]*+ )*+ "?
    | ' [^'\\\n]*+ (?: \\. [^'\\\n]*+ )*+ '?
    | \n (?P<head> (?=[A-Za-z_@]) (?!(?:else|elif|except|finally)\b) | [ \t]++ (?=@|(?:async|def|class)\b) )
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE = re.compile(rb"\n")


@dataclass(frozen=True)
class Part:
    """Some lines of a file, and where in the file each of them begins."""

    text: bytes
    starts: Sequence[int]


class Outline:
    """Where the statements of a file begin. Taken for granted only as far as the part cut out of it can be parsed."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        heads = [(one.start() + 1, len(one["head"])) for one in _TOKEN.finditer(content) if one.lastindex]
        self._heads = [0, *(offset for offset, _ in heads)]
        self._indents = [0, *(indent for _, indent in heads)]
        tops = [offset for offset, indent in zip(self._heads, self._indents, strict=True) if not indent]
        self._statements = self._with_decorators(tops)

    def around(self, places: Iterable[int]) -> Part:
        """The statements of the module in which `places` are; of a class its head and the methods in which they are."""
        wanted = sorted(places)
        kept: list[tuple[int, int]] = []
        for number in sorted({bisect_right(self._statements, place) - 1 for place in wanted}):
            start, end = self._span(self._statements, number, len(self.content))
            inside = wanted[bisect_left(wanted, start) : bisect_left(wanted, end)]
            kept += self._methods(start, end, inside)
        starts = [place for start, end in kept for place in (start, *self._lines(start, end))]
        return Part(b"".join([self.content[start:end] for start, end in kept]), starts)

    def whole(self) -> Part:
        return Part(self.content, [0, *self._lines(0, len(self.content))])

    def _lines(self, start: int, end: int) -> list[int]:
        return [one.end() for one in _LINE.finditer(self.content, start, end - 1)]

    def _methods(self, start: int, end: int, places: Sequence[int]) -> list[tuple[int, int]]:
        """A statement, or if it is a class, what of it the places are in."""
        first, last = bisect_left(self._heads, start), bisect_left(self._heads, end)
        top = max(number for number in range(first, last) if not self._indents[number])
        if not self.content.startswith(b"class", self._heads[top]) or top + 1 == last:
            return [(start, end)]
        depth = min(self._indents[top + 1 : last])
        heads = [self._heads[number] for number in range(top + 1, last) if self._indents[number] == depth]
        methods = self._with_decorators(heads, depth)
        chosen = {bisect_right(methods, place) - 1 for place in places} - {-1}
        spans = [self._span(methods, number, end) for number in sorted(chosen or {0})]
        return [(start, methods[0]), *spans]

    def _with_decorators(self, heads: Sequence[int], depth: int = 0) -> list[int]:
        """The heads but for those that a decorator goes before."""
        decorated = {after for head, after in pairwise(heads) if self.content.startswith(b"@", head + depth)}
        return [head for head in heads if head not in decorated]

    @staticmethod
    def _span(starts: Sequence[int], number: int, end: int) -> tuple[int, int]:
        return starts[number], starts[number + 1] if number + 1 < len(starts) else end
