"""`tsmigrate analyze`: which tables to convert, on what, and what stands in the way."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import Ini, Url, database, memory_bytes

if TYPE_CHECKING:
    from tsmigrate.advise.report.report import Report


class AdviceFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    HTML = "html"


Schemas = Annotated[list[str] | None, typer.Option("--schema", help="Only tables of this schema; may be given again.")]
Tables = Annotated[
    list[str] | None,
    typer.Option("--table", help="Only this table, as the catalogs have its name; may be given again."),
]
Fast = Annotated[bool, typer.Option("--fast", help="Read catalogs and statistics only, no rows.")]
Probe = Annotated[
    bool, typer.Option("--probe", help="Compress a sample of rows in a sandbox: what would the columnstore save?")
]
Source = Annotated[
    Path | None, typer.Option("--source", metavar="DIR", help="Say what must change in this program's queries.")
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", help="The server's memory, such as 64GB (default: its effective_cache_size)."),
]
Output = Annotated[AdviceFormat, typer.Option("--format", help="How to report.")]
File = Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this file.")]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Write a plan of what to convert, to edit and to generate from."),
]
Force = Annotated[bool, typer.Option("--force", help="Write the plan over a file that is there.")]


def register(app: typer.Typer) -> None:
    app.command()(analyze)


def analyze(
    *,
    schema: Schemas = None,
    table: Tables = None,
    fast: Fast = False,
    probe: Probe = False,
    source: Source = None,
    memory: Memory = None,
    output: Output = AdviceFormat.TEXT,
    file: File = None,
    plan: PlanFile = None,
    force: Force = False,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Say which tables to convert to hypertables, on which column, and what that comes to.

    Reads only: catalogs, statistics and pg_stat_statements; and, for the pre-flight of the tables to convert, rows by
    an index or in a scan of 2 s at most. Exit code 0: nothing stands in the way; 1: the pre-flight found something,
    statistics are missing, or queries must change.
    """
    from tsmigrate.advise.analyze import Wanted
    from tsmigrate.advise.analyze import analyze as run
    from tsmigrate.cli.terminal import progress
    from tsmigrate.finding import Severity
    from tsmigrate.verify.scratch import stopped_by_signals

    wanted = Wanted(schema or (), table or (), fast, probe, source, memory_bytes(memory))
    _refuse_overwriting(plan, force=force)
    target = database(url, config)
    with stopped_by_signals(), progress() as shown:
        report = run(target, wanted, shown)
    _write(_shown(report, output), file)
    if plan is not None:
        _write_plan(plan, report, force=force)
    serious = {Severity.BLOCKER, Severity.WARNING}
    raise typer.Exit(1 if any(finding.severity in serious for finding in report.findings) else 0)


def _shown(report: Report, output: AdviceFormat) -> str:
    import json

    from tsmigrate.advise.report.as_html import html
    from tsmigrate.advise.report.as_json import as_json
    from tsmigrate.advise.report.as_text import text

    if output is AdviceFormat.JSON:
        return json.dumps(as_json(report), indent=2) + "\n"
    return html(report) if output is AdviceFormat.HTML else text(report)


def _refuse_overwriting(plan: Path | None, *, force: bool) -> None:
    from tsmigrate.errors import UsageError

    if plan is not None and plan.exists() and not force:
        raise UsageError(f"{plan} is there already", mend="name another file, or give --force to write over it")


def _write_plan(file: Path, report: Report, *, force: bool) -> None:
    from tsmigrate.advise.plan.draft import draft
    from tsmigrate.advise.plan.write import written

    made = written(draft(report.advices, report.evidence), report.advices, report.evidence.server.database)
    with file.open("w" if force else "x", encoding="utf-8") as opened:
        opened.write(made)


def _write(report: str, file: Path | None) -> None:
    if file is None:
        print(report, end="")
    else:
        file.write_text(report, encoding="utf-8")
