"""What is told of one file: findings with their places in the source, and what could not be read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tsmigrate.lint.lines import Lines
from tsmigrate.lint.rules.rule import Rule, Statement, Told
from tsmigrate.lint.shapes import Cuts, Remembered
from tsmigrate.lint.snippet import Judged, Snippet
from tsmigrate.lint.sql import native
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.sql.placeholders import Offsets
from tsmigrate.lint.violation import Edit, Violation

if TYPE_CHECKING:
    from tsmigrate.lint.engine import Rules


@dataclass(frozen=True)
class Here:
    """A parsed statement and where it came from."""

    snippet: Snippet
    offsets: Offsets
    statement: Statement


@dataclass(frozen=True)
class _Spot:
    """What a violation points at, in bytes of the file."""

    start: int
    end: int
    table: str = ""
    edit: Edit | None = None
    shape: str = ""
    statement: tuple[int, int] | None = None


class Telling:
    """Collects; `told` is what the statement in hand has earned so far, None if that is not to be remembered."""

    def __init__(self, rules: Rules, of_source: Mapping[str, Rule], path: str, content: bytes) -> None:
        self.rules = rules
        self.of_source = of_source
        self.path = path
        self.lines = Lines(content)
        self.found = Judged(files=1)
        self.told: list[Remembered] | None = None

    def unparsable(self, offset: int, reason: str, snippet: Snippet) -> None:
        line, _ = self.lines.place(offset)
        self.found.unparsed.append((self.path, line, reason))
        if rule := self.of_source.get("TSQ900"):
            told = Told(f"not judged: {reason}", "write it as PostgreSQL reads it, or suppress this")
            self._add(rule, told, _Spot(offset, offset + 1), snippet)

    def dynamic(self, snippet: Snippet, location: int) -> None:
        self.told = None
        if rule := self.of_source.get("TSQ901"):
            start = snippet.offsets.source(location)
            told = Told(
                "not judged: part of this statement is put together while running",
                "keep the bound on the partition column in the fixed part of the text",
            )
            self._add(rule, told, _Spot(start, start + 1), snippet)

    def tell(self, rule: Rule, told: Told, reading: Reading | None, here: Here) -> None:
        text, source = here.statement.text, here.offsets.source
        start = told.start if told.start >= 0 else reading.relation.location if reading else 0
        table = told.table or (str(reading.table.name) if reading else "")
        edit = None
        if told.insert is not None:
            edit = Edit(source(told.insert[0]), source(told.insert[0]), told.insert[1])
        elif told.replace is not None:
            first, last, new = told.replace
            edit = Edit(source(first), source(last), new)
        if here.offsets.at or here.snippet.confidence == "low":
            edit = None  # the text is not the source's own
        if reading is not None and reading.relation.through_view:
            told = replace(told, message=f"{told.message} (through {reading.relation.through_view})")
        end = _end_of_word(text, start)
        extent = (source(0), source(max(len(text.rstrip()) - 1, 0)))
        fingerprint = native.fingerprint(text)
        if edit is not None:
            self.told = None
        elif self.told is not None:
            self.told.append(Remembered(rule, told, table, start, fingerprint))
        spot = _Spot(source(start), source(end), table, edit, fingerprint, extent)
        self._add(rule, told, spot, here.snippet)

    def _add(self, rule: Rule, told: Told, spot: _Spot, snippet: Snippet) -> None:
        if snippet.confidence == "low":  # the names of classes are quoted in the SQL that was made for them
            told = replace(told, message=told.message.replace('"', ""), hint=told.hint.replace('"', ""))
        line, column = self.lines.place(spot.start)
        end_line, end_column = self.lines.place(spot.end)
        first, last = spot.statement or (spot.start, spot.end)
        key = "\0".join((rule.code, self.path, snippet.function, spot.table, spot.shape or told.message))
        self.found.violations.append(
            Violation(
                rule=rule.code,
                name=rule.name,
                severity=self.rules.severity(rule),
                table=spot.table,
                file=self.path,
                line=line,
                column=column,
                end_line=end_line,
                end_column=end_column,
                function=snippet.function,
                message=told.message,
                hint=told.hint,
                confidence=snippet.confidence,
                fingerprint=hashlib.sha256(key.encode()).hexdigest()[:16],
                fix=spot.edit,
                statement_line=self.lines.place(first)[0],
                statement_end=max(self.lines.place(last)[0], end_line),
            )
        )

    def again(self, remembered: Iterable[Remembered], snippet: Snippet) -> None:
        """Tell of a statement what was told of one that is alike."""
        source, cuts = snippet.offsets.source, None
        for one in remembered:
            cuts = cuts or Cuts(snippet.text)
            start = cuts.original(one.start)
            end = _end_of_word(snippet.text, start)
            extent = (source(0), source(max(len(snippet.text.rstrip()) - 1, 0)))
            spot = _Spot(source(start), source(end), one.table, None, one.fingerprint, extent)
            self._add(one.rule, one.told, spot, snippet)


_WORD = re.compile(rb'(?:"(?:[^"]|"")*"|[\w$.\x80-\xff]+)+|.', re.DOTALL)


def _end_of_word(text: bytes, start: int) -> int:
    found = _WORD.match(text, start)
    return found.end() if found else start
