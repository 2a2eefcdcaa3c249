"""What commands print: reports on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table

    from tsmigrate.finding import Finding

_LOG_EVERY = 0.25  # of a step, where there is no terminal to redraw


def print_json(document: Any) -> None:
    print(json.dumps(document, indent=2))


def print_findings(findings: Sequence[Finding]) -> None:
    from rich.console import Console

    Console(highlight=False).print(findings_shown(findings))


def findings_shown(findings: Sequence[Finding]) -> Table:
    """One finding a block: a mark, what was seen, and below it why and the mend."""
    from rich.table import Table
    from rich.text import Text

    marks = {"blocker": ("✗", "bold red"), "warning": ("!", "bold yellow"), "note": ("·", "cyan"), "ok": ("✓", "green")}
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        mark, style = marks[finding.severity]
        body = Text(finding.seen)
        if finding.why:
            body.append(f"\n{finding.why}", style="dim")
        if finding.mend:
            body.append("\nmend: ", style="bold").append(finding.mend, style="not bold")
        grid.add_row(Text(mark, style=style), Text(finding.check, style="bold"), body)
    return grid


@dataclass(frozen=True)
class FirstLines:
    """As much of it as a terminal shows at once, and a word about the rest."""

    whole: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment
        from rich.text import Text

        lines = console.render_lines(self.whole, options.update(height=None), pad=False)
        room = options.max_height
        if len(lines) > room:
            left = len(lines) - room + 1
            lines = lines[: room - 1]
            lines += console.render_lines(Text(f"… {left} more lines: make the window taller, or end it", "dim"))
        for place, line in enumerate(lines):
            yield from line
            if place < len(lines) - 1:
                yield Segment.line()


@contextmanager
def progress() -> Iterator[Callable[[str, float | None], None]]:
    """A display of steps: redrawn on a terminal, a line a step elsewhere."""
    if sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _Lines()


class _Lines:
    """Progress for a log: each step once, and its quarters where it tells how far it is."""

    def __init__(self) -> None:
        self._step, self._told = "", 0.0

    def __call__(self, step: str, fraction: float | None) -> None:
        if step != self._step:
            self._step, self._told = step, 0.0
            print(f"{step} …", file=sys.stderr, flush=True)
        elif fraction is not None and fraction >= self._told + _LOG_EVERY:
            self._told = fraction
            print(f"{step} {fraction:.0%}", file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Callable[[str, float | None], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def report(step: str, fraction: float | None) -> None:
            bar.update(task, description=step, total=None if fraction is None else 1.0, completed=fraction or 0)

        yield report
