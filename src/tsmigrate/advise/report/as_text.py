"""The report as text of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.judge.verdict import Choice
from tsmigrate.advise.judge.words import bytes_, number
from tsmigrate.advise.names import shown
from tsmigrate.advise.report.report import Report
from tsmigrate.advise.report.sections import facts, sections
from tsmigrate.capability import described
from tsmigrate.finding import Finding, Severity

WIDTH = 100
_HEAD = 18  # columns of a section's name
_NAME = 44  # of a table's name in the list
_SHOWN = 20  # tables to leave, in the list
_MARKS = {Severity.BLOCKER: "✗", Severity.WARNING: "!", Severity.NOTE: "·", Severity.OK: "✓"}


def text(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from wrapped(f"{report.database}: {described(report.evidence.server)}")
    found = {choice: report.chosen(choice) for choice in Choice}
    yield from wrapped(
        f"{number(len(report.advices))} table{'' if len(report.advices) == 1 else 's'}: "
        + ", ".join(f"{number(len(advices))} to {choice}" for choice, advices in found.items())
    )
    for finding in report.general:
        yield from _finding(finding)
    if report.advices:
        yield ""
        yield from _list(found)
    for choice in (Choice.CONVERT, Choice.CONSIDER):
        for advice in found[choice]:
            yield ""
            yield from _table(report, advice)


def _list(found: dict[Choice, list[Advice]]) -> Iterator[str]:
    longest = max(cell_len(shown(advice.table.relation)) for advices in found.values() for advice in advices)
    wide = min(_NAME, longest)
    for choice, advices in found.items():
        listed = advices if choice is not Choice.LEAVE else advices[:_SHOWN]
        for advice in listed:
            rows = advice.table.known_rows
            counted = "?" if rows is None else number(rows)
            first = advice.verdict.reasons[0].text
            told = advice.plan.column if advice.plan else first
            name = _cut(shown(advice.table.relation), wide)
            yield from _beside(f"{choice:<9}{name}{bytes_(advice.table.size):>9}{counted:>13}  ", told, once=True)
        if len(listed) < len(advices):
            yield f"{choice:<9}… and {len(advices) - len(listed):,} more, all smaller (--format json has them)"


def _table(report: Report, advice: Advice) -> Iterator[str]:
    yield from wrapped(f"{advice.verdict.choice} {shown(advice.table.relation)}: {facts(advice)}")
    for section in sections(advice, report.saving(advice)):
        for place, line in enumerate(section.lines):
            yield from _beside(f"  {section.head if not place else '':<{_HEAD}}", line)
    for finding in report.of_table(advice):
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[str]:
    head = f"  {_MARKS[finding.severity]} {finding.check}"
    yield from _beside(f"{head:<{_HEAD + 2}}" + ("" if cell_len(head) < _HEAD + 2 else " "), finding.seen)
    for said in (finding.why, f"mend: {finding.mend}" if finding.mend else ""):
        if said:
            yield from _beside(" " * (_HEAD + 2), said)


def _beside(head: str, said: str, *, once: bool = False) -> Iterator[str]:
    """`once`: cut off instead of going on below."""
    room = WIDTH - cell_len(head)
    if once:
        yield (head + _cut(said, room)).rstrip()
        return
    for place, line in enumerate(wrapped(said, room)):
        yield head + line if not place else " " * cell_len(head) + line


def wrapped(said: str, width: int = WIDTH) -> list[str]:
    """By what a terminal shows: some characters take two columns, and a name may be longer than a line."""
    lines, line = [], ""
    for word in said.split():
        rest = word
        if line and cell_len(line) + 1 + cell_len(rest) <= width:
            line = f"{line} {rest}"
            continue
        if line:
            lines.append(line)
        while cell_len(rest) > width:
            part = _first(rest, width)
            lines.append(part)
            rest = rest[len(part) :]
        line = rest
    return [*lines, line] if line or not lines else lines


def _first(word: str, width: int) -> str:
    taken = ""
    for letter in word:
        if taken and cell_len(taken + letter) > width:
            break
        taken += letter
    return taken


def _cut(said: str, width: int) -> str:
    flat = " ".join(said.split())
    return set_cell_size(flat, width) if cell_len(flat) <= width else set_cell_size(flat, width - 1) + "…"
