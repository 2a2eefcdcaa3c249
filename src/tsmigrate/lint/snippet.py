"""What goes into the judging and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tsmigrate.lint.sql.placeholders import Offsets
from tsmigrate.lint.violation import Violation

WHOLE = Offsets()  # the text is the file


@dataclass(slots=True)
class Snippet:
    """SQL as a source found it. `offsets` leads from its bytes to the bytes of the file."""

    text: bytes
    offsets: Offsets = WHOLE
    function: str = ""
    confidence: str = "high"
    literal_parameters: bool = False  # the driver puts values into the text
    holes: bool = False  # a placeholder may stand for a whole condition
    code: bool = False  # in a string of a program: placeholders are likely
    named: bool = False  # a hypertable is known to be named in it
    optional: bool = False  # text that may be no SQL at all: not parsing is no news


@dataclass
class Judged:
    """What came of a file, or of many."""

    violations: list[Violation] = field(default_factory=list)
    statements: int = 0
    hypertable_statements: int = 0
    unparsed: list[tuple[str, int, str]] = field(default_factory=list)  # file, line, why
    files: int = 0
    suppressed: int = 0

    def add(self, other: Judged) -> None:
        self.violations += other.violations
        self.statements += other.statements
        self.hypertable_statements += other.hypertable_statements
        self.unparsed += other.unparsed
        self.files += other.files
        self.suppressed += other.suppressed


def each(violations: list[Violation]) -> Iterator[Violation]:
    """Sorted, and each once: a statement that reads a table twice in one place says so once."""
    seen = set()
    for one in sorted(violations, key=lambda violation: violation.order):
        key = (one.file, one.line, one.column, one.rule, one.table)
        if key not in seen:
            seen.add(key)
            yield one
