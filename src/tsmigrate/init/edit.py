"""Edits of a text at places that Python's parser gives, and what becomes of a file by them."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LINE_END = re.compile(r"\r\n|\r|\n")  # what ends a line for Python; str.splitlines knows more


@dataclass(frozen=True)
class Change:
    """What becomes of a file."""

    path: Path
    before: bytes
    after: bytes


@dataclass(frozen=True)
class ByHand:
    """A place that was left alone, and what to do there."""

    path: Path
    line: int
    why: str
    mend: str


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    text: str


class Text:
    """A text, and where in it a line or a node of its syntax tree is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
        first = _LINE_END.search(text)
        self.line_end = first[0] if first else "\n"

    def start_of(self, node: ast.expr | ast.keyword | ast.stmt) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end_of(self, node: ast.expr | ast.keyword | ast.stmt) -> int:
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _offset(self, line: int, column: int) -> int:
        """The tree counts the bytes of a line, we its characters."""
        start = self._starts[line - 1]
        return start + len(self._line(line).encode()[:column].decode())

    def _line(self, line: int) -> str:
        return self.text[self._starts[line - 1] : self.after_line(line)]

    def after_line(self, line: int) -> int:
        """Where the next line begins."""
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def before(self, offset: int) -> str:
        """What stands before it on its line."""
        return self.text[self._starts[bisect_right(self._starts, offset) - 1] : offset]

    def put_before(self, node: ast.expr | ast.keyword, item: str) -> Edit:
        """Another item of a list, on a line of its own where the next one is."""
        start = self.start_of(node)
        before = self.before(start)
        return Edit(start, start, f"{item}, " if before.strip() else f"{item},{self.line_end}{before}")

    def put_line_after(self, line: int, added: str) -> Edit:
        place = self.after_line(line)
        ended = self.text[:place].endswith(("\r", "\n")) or not place
        return Edit(place, place, f"{added}{self.line_end}" if ended else f"{self.line_end}{added}")

    def edited(self, edits: Iterable[Edit]) -> str:
        text = self.text
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text
