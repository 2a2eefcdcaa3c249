"""Byte offsets of a file to lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right


class Lines:
    """Byte offsets of a file to lines and columns, both from 1; columns count characters."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._starts: list[int] | None = None

    def place(self, offset: int) -> tuple[int, int]:
        if self._starts is None:
            self._starts = [0, *(found.end() for found in re.finditer(rb"\n", self.content))]
        offset = max(0, min(offset, len(self.content)))
        line = bisect_right(self._starts, offset)
        before = self.content[self._starts[line - 1] : offset]
        return line, len(before.decode("utf-8", "replace")) + 1
