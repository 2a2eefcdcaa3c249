"""For people: findings by file with the source line and the place marked, then the rules and the worst tables."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tsmigrate.lint.report.report import Report, report_format
from tsmigrate.lint.violation import Severity, Violation

_WORST = 5
_WIDTH = (160, 24)  # where no terminal says otherwise
_NARROWEST = 40
_BAR = "    | "


@report_format("text")
def text(report: Report) -> str:
    parts = []
    for file, found in groupby(report.violations, key=lambda violation: violation.file):
        parts.append("\n".join([file, *(_shown(one, lines) for one, lines in _with_lines(file, list(found)))]))
    parts.append(summary(report))
    return "\n\n".join(parts)


def summary(report: Report) -> str:
    """The counts alone."""
    return "\n".join(_summary(report)) + "\n"


def _with_lines(file: str, found: Sequence[Violation]) -> list[tuple[Violation, list[str]]]:
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    return [(one, lines) for one in found]


def _shown(one: Violation, lines: list[str]) -> str:
    width = max(_NARROWEST, shutil.get_terminal_size(_WIDTH).columns)
    where = f" in {one.function}" if one.function else ""
    shown = [f"  {one.line}:{one.column}  {one.severity}  {one.rule} {one.name}{where}"]
    if 0 < one.line <= len(lines):
        shown += _marked(lines[one.line - 1].rstrip("\r").replace("\t", " "), one, width - len(_BAR))
    shown.append(_wrapped(one.message, "    ", "    ", width))
    if one.hint:
        shown.append(_wrapped(one.hint, "    mend: ", "          ", width))
    return "\n".join(shown)


def _marked(line: str, one: Violation, width: int) -> list[str]:
    """The source line, or the part of it around the place, and a mark under the place."""
    cut = max(0, one.column - width // 2) if len(line) > width else 0
    marked = one.end_column - one.column if one.end_line == one.line else 1
    before = one.column - 1 - cut
    return [f"{_BAR}{line[cut : cut + width]}", f"{_BAR}{' ' * before}{'^' * max(1, min(marked, width - before))}"]


def _wrapped(text: str, first: str, further: str, width: int) -> str:
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )


def _summary(report: Report) -> list[str]:
    judged, by_severity = report.judged, report.by_severity
    counted = ", ".join(f"{by_severity[one]} {one}{'s' * (by_severity[one] != 1)}" for one in Severity if one != "info")
    lines = [
        f"{counted}, {by_severity[Severity.INFO]} info in {judged.files} files: "
        f"{judged.statements} statements, {judged.hypertable_statements} of them on hypertables"
    ]
    rules = Counter((one.rule, one.name) for one in report.violations)
    lines += [f"  {rule} {name}  {count}" for (rule, name), count in sorted(rules.items())]
    tables = Counter(one.table for one in report.violations if one.table and one.severity is not Severity.INFO)
    if len(tables) > 1:
        worst = ", ".join(f"{table} ({count})" for table, count in tables.most_common(_WORST))
        lines.append(f"most findings: {worst}")
    if judged.unparsed:
        lines.append(f"not read: {len(judged.unparsed)}")
        lines += [f"  {file}:{line}  {why}" if line else f"  {file}  {why}" for file, line, why in judged.unparsed]
    if report.suppressed or report.in_baseline:
        lines.append(f"suppressed: {report.suppressed}; in the baseline: {report.in_baseline}")
    return lines
