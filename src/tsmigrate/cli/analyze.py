"""`tsmigrate analyze`: which tables to convert, on what, and what stands in the way."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import Ini, Url, database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsmigrate.advise.evidence import Evidence, Table
    from tsmigrate.advise.report.report import Report


class AdviceFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    HTML = "html"


def register(app: typer.Typer) -> None:
    app.command()(analyze)


def analyze(
    *,
    schema: Annotated[
        list[str] | None, typer.Option("--schema", help="Only tables of this schema; may be given again.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="Only this table, as the catalogs have its name; may be given again."),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Read catalogs and statistics only, no rows.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Compress a sample of rows in a sandbox: what would the columnstore save?")
    ] = False,
    source: Annotated[
        Path | None, typer.Option("--source", metavar="DIR", help="Say what must change in this program's queries.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", help="The server's memory, such as 64GB (default: its effective_cache_size)."),
    ] = None,
    output: Annotated[AdviceFormat, typer.Option("--format", help="How to report.")] = AdviceFormat.TEXT,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this file.")] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Write a plan of what to convert, to edit and to generate from."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write the plan over a file that is there.")] = False,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Say which tables to convert to hypertables, on which column, and what that comes to.

    Reads only: catalogs, statistics and pg_stat_statements; and, for the pre-flight of the tables to convert, rows by
    an index or in a scan of 2 s at most. Exit code 0: nothing stands in the way; 1: the pre-flight found something,
    statistics are missing, or queries must change.
    """
    from tsmigrate import connect
    from tsmigrate.advise import advice
    from tsmigrate.advise.gather import gather
    from tsmigrate.advise.impact import impact
    from tsmigrate.advise.obstacles import SECONDS, obstacles
    from tsmigrate.advise.report.report import Report
    from tsmigrate.advise.saving import savings
    from tsmigrate.cli.terminal import progress
    from tsmigrate.errors import UsageError
    from tsmigrate.finding import Severity
    from tsmigrate.verify.scratch import stopped_by_signals

    if probe and fast:
        raise UsageError("--probe reads rows, and --fast reads none", mend="give one of the two")
    if source and not source.exists():
        raise UsageError(f"{source} does not exist", mend="name the folder that holds the program's source")
    _refuse_overwriting(plan, force=force)
    target = database(url, config)
    given_memory = memory_bytes(memory)
    with stopped_by_signals(), progress() as shown:
        with connect.connection(target) as connection:
            evidence = gather(connection, lambda step: shown(step, None))
            wanted = {each.oid for each in _wanted(evidence, schema or (), table or ())}
            advices = [each for each in advice.advise(evidence, given_memory) if each.table.oid in wanted]
            found = obstacles(
                connection, advices, lambda step: shown(step, None), fast=fast, limit=None if table else SECONDS
            )
        saved = savings(target, advices, shown) if probe else None
        changes = impact(source, advices, target, shown) if source else None
    report = Report(str(target), evidence, advices, found, saved, changes)
    _write(_shown(report, output), file)
    if plan is not None:
        _write_plan(plan, report, force=force)
    serious = {Severity.BLOCKER, Severity.WARNING}
    raise typer.Exit(1 if any(finding.severity in serious for finding in report.findings) else 0)


def _wanted(evidence: Evidence, schemas: Sequence[str], names: Sequence[str]) -> list[Table]:
    from tsmigrate.errors import UsageError

    tables = list(evidence.tables.values())
    for schema in schemas:
        if not any(table.relation.schema == schema for table in tables):
            raise UsageError(
                f"there is no table in a schema {schema!r}", mend="names are case-sensitive, without quotes"
            )
    tables = [table for table in tables if not schemas or table.relation.schema in schemas]
    if not names:
        return tables
    found: list[Table] = []
    for name in names:
        named = [
            table for table in tables if name in (table.relation.name, f"{table.relation.schema}.{table.relation.name}")
        ]
        if not named:
            raise UsageError(f"there is no table {name!r}", mend="names are case-sensitive, without quotes")
        found += named
    return found


def memory_bytes(memory: str | None) -> int | None:
    import re

    from tsmigrate.errors import UsageError

    if memory is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB|GB|TB)\s*", memory, re.IGNORECASE)
    if found is None or not float(found[1]):
        raise UsageError(f"{memory!r} is no size of memory", mend="write it as 64GB or 512MB")
    return int(float(found[1]) * 1024 ** {"MB": 2, "GB": 3, "TB": 4}[found[2].upper()])


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
