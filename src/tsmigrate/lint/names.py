"""Whether a text can touch a hypertable at all: a search for names that costs far less than parsing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmigrate.lint.learn.models import Model

_IDENTIFIER = re.compile(rb"[a-z_\x80-\xff][\w$\x80-\xff]*")
_FEW = 40  # up to here looking for each name is faster than cutting the text into identifiers
_INSIDE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$")

_ESCAPES = frozenset({rb"\n", rb"\t", rb"\r"})  # in a string of a program: "… FROM\nmessages"


class Names:
    """The hypertables and views of a run, by their names without schemas."""

    def __init__(
        self, names: Iterable[str], models: Mapping[str, Model] | None = None, extended: Set[str] = frozenset()
    ) -> None:
        self.models = models or {}
        self.extended = extended  # of modules: built further in other files
        self._models = tuple(name.encode() for name in self.models)
        encoded = sorted(name.encode() for name in names)
        self._plain = frozenset(name for name in encoded if _IDENTIFIER.fullmatch(name))
        self._odd = tuple(name for name in encoded if name not in self._plain)
        self._few = tuple(self._plain) if len(self._plain) <= _FEW else None

    def within(self, text: bytes) -> bool:
        lowered = text.lower()
        if self._few is not None:
            return any(name in lowered and _words(lowered, name) for name in self._few) or self._has_odd(lowered)
        return not self._plain.isdisjoint(_IDENTIFIER.findall(lowered)) or self._has_odd(lowered)

    def within_program(self, content: bytes) -> bool:
        """Whether a program names one, or a model that is mapped to one."""
        return any(name in content for name in self._models) or self.within(content)

    def places_in_program(self, content: bytes, further: Iterable[bytes] = ()) -> Sequence[int]:
        """Where a program names one, or a model, or one of `further`; upper and lower case as written for those."""
        found = list(self.places(content))
        for name in (*self._models, *further):
            found += _words(content, name)
        return found

    def _has_odd(self, lowered: bytes) -> bool:
        return any(name in lowered for name in self._odd)

    def places(self, content: bytes, *further: bytes) -> Sequence[int]:
        """Where in a file the names stand, and some further words, in their order."""
        lowered = content.lower()
        found: list[int] = []
        if self._few is None:
            wanted = self._plain
            found = [one.start() for one in _IDENTIFIER.finditer(lowered) if one[0] in wanted]
        else:
            for name in self._few:
                found += _words(lowered, name)
        for name in (*self._odd, *further):
            found += _words(lowered, name)
        found.sort()
        return found


def _words(text: bytes, name: bytes) -> list[int]:
    found, width = [], len(name)
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + width : at + width + 1]
        if (not before or before[0] not in _INSIDE or text[at - 2 : at] in _ESCAPES) and (
            not after or after[0] not in _INSIDE
        ):
            found.append(at)
        at = text.find(name, at + width)
    return found
