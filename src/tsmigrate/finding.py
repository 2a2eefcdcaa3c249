"""A finding: one thing a command saw, why it matters, and the exact mend.

Doctor, pre-flight, the advisor and the linter all report in findings, so that every report reads alike, in text and
in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

REPORT_VERSION = 1


class Severity(StrEnum):
    """How much a finding matters. The order is that of a report, worst first."""

    BLOCKER = "blocker"
    WARNING = "warning"
    NOTE = "note"
    OK = "ok"


@dataclass(frozen=True)
class Finding:
    check: str
    severity: Severity
    seen: str
    why: str = ""
    mend: str = ""


def exit_code(findings: Sequence[Finding]) -> int:
    """0 fine, 1 worked and found something, 3 blocked."""
    severities = {finding.severity for finding in findings}
    if Severity.BLOCKER in severities:
        return 3
    return 1 if Severity.WARNING in severities else 0


def report(command: str, findings: Sequence[Finding], summary: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document that every reporting command prints."""
    return {
        "version": REPORT_VERSION,
        "command": command,
        "findings": [asdict(finding) for finding in findings],
        "summary": dict(summary),
    }


def counted_word(number: int, word: str) -> str:
    """`1 warning`, `2 warnings`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
