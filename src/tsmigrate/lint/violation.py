"""What the linter reports: one place in the source, which rule, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The order is that of a report, worst first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True)
class Edit:
    """Replace the source between two byte offsets."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Violation:
    rule: str
    name: str
    severity: Severity
    table: str
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str
    message: str
    hint: str
    confidence: str
    fingerprint: str
    fix: Edit | None = None
    statement_line: int = 0  # the lines of the whole statement
    statement_end: int = 0

    @property
    def order(self) -> tuple[str, int, int, str]:
        return (self.file, self.line, self.column, self.rule)
