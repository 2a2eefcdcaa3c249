"""What is reported, and the formats it is reported in, each in a file of its own and collected by declaration."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tsmigrate.lint.snippet import Judged
from tsmigrate.lint.violation import Severity, Violation


@dataclass
class Report:
    judged: Judged
    in_baseline: int = 0

    @property
    def suppressed(self) -> int:
        return self.judged.suppressed

    @property
    def violations(self) -> list[Violation]:
        return self.judged.violations

    @property
    def by_severity(self) -> Counter[Severity]:
        return Counter(one.severity for one in self.judged.violations)

    def exit_code(self, fail_on: Severity) -> int:
        return 1 if any(one.severity.rank <= fail_on.rank for one in self.judged.violations) else 0


Write = Callable[[Report], str]
_formats: dict[str, Write] = {}


def report_format(name: str) -> Callable[[Write], Write]:
    def declare(write: Write) -> Write:
        _formats[name] = write
        return write

    return declare


def formats() -> dict[str, Write]:
    """Every format by name."""
    from tsmigrate.lint import report as package  # noqa: PLC0415 - this package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _formats
