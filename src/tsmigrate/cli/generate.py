"""`tsmigrate generate`: the revisions that make hypertables of tables, from a plan or for one table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import Format, Ini, OutputFormat, Url, database, memory_bytes
from tsmigrate.finding import counted_word

if TYPE_CHECKING:
    from tsmigrate.advise.generate.prepare import Planned
    from tsmigrate.advise.generate.run import Outcome


class Conversion(StrEnum):
    COPY = "copy"
    ATTACH = "attach"


Table = Annotated[
    str | None,
    typer.Argument(help="One table, as it is called in the catalogs: unquoted.", metavar="TABLE", show_default=False),
]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Instead: the tables of a plan, as analyze --plan writes it."),
]
Time = Annotated[str | None, typer.Option("--time", metavar="COLUMN", help="With TABLE: its partition column.")]
Interval = Annotated[
    str | None, typer.Option("--interval", help="With TABLE: that of the chunks (default: as analyze advises).")
]
Schema = Annotated[str | None, typer.Option("--schema", help="With TABLE: its schema.")]
How = Annotated[
    Conversion | None, typer.Option("--method", help="With TABLE: how it is converted (default: as advised).")
]
Columnstore = Annotated[bool, typer.Option("--columnstore/--no-columnstore", help="With TABLE: compress old chunks.")]
Memory = Annotated[str | None, typer.Option("--memory", help="With TABLE: the server's memory, as for analyze.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the revisions, write nothing.")]
Rehearse = Annotated[
    bool,
    typer.Option("--rehearse/--no-rehearse", help="Try them on a copy of the database before they are written."),
]


def register(app: typer.Typer) -> None:
    app.command()(generate)


def generate(
    *,
    table: Table = None,
    plan: PlanFile = None,
    time: Time = None,
    interval: Interval = None,
    schema: Schema = None,
    method: How = None,
    columnstore: Columnstore = True,
    memory: Memory = None,
    dry_run: DryRun = False,
    rehearse: Rehearse = True,
    url: Url = None,
    config: Ini = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Write the Alembic revisions that make hypertables of plain tables, with their way back.

    They follow the head, by the project's own template, file names and hooks; nothing is overwritten, and nothing is
    changed in the database. What stands in the way is told, all of it with its mends. Before they are written they go
    up, down and up again on a copy in a sandbox: the schema, and a few rows of each table. Exit code 0: written, or
    nothing to do; 1: the rehearsal found differences; 2: the plan does not fit; 3: something stands in the way.
    """
    from tsmigrate.advise.generate import run
    from tsmigrate.advise.plan.one import OneTable
    from tsmigrate.advise.plan.plan import Method
    from tsmigrate.cli.terminal import progress
    from tsmigrate.errors import UsageError
    from tsmigrate.verify.scratch import stopped_by_signals

    if plan is not None:
        planned = _from_file(plan, [table, time, interval, schema, method, memory, not columnstore])
    elif table and time:
        size = memory_bytes(memory)
        planned = OneTable(table, time, schema, interval, Method(method) if method else None, columnstore, size).plan
    else:
        raise UsageError(
            "what is to become a hypertable, and by which column?",
            mend="tsmigrate generate TABLE --time COLUMN; or --plan FILE, as tsmigrate analyze --plan writes it",
        )
    target = database(url, config)
    with stopped_by_signals(), progress() as shown:
        outcome = run.generate(target, config, planned, shown, dry_run=dry_run, rehearse=rehearse)
    _report(outcome, output, dry_run=dry_run)
    raise typer.Exit(outcome.exit_code)


def _from_file(plan: Path, others: list[object]) -> Planned:
    from tsmigrate.advise.plan.read import read
    from tsmigrate.errors import UsageError

    if any(others):
        raise UsageError("--plan says what becomes of its tables", mend="change it there, or name one TABLE instead")
    found = read(plan)
    return lambda _evidence: found


def _report(outcome: Outcome, output: Format, *, dry_run: bool) -> None:
    from tsmigrate.cli.terminal import print_findings, print_json
    from tsmigrate.finding import report as document

    if output is Format.JSON:
        print_json(document("generate", outcome.findings, _summary(outcome, dry_run=dry_run)))
        return
    print_findings(outcome.findings)
    if outcome.findings:
        print()
    if dry_run:
        for each in outcome.revisions:
            print(f"# {each.place}\n\n{each.text}")
    print(_verdict(outcome, dry_run=dry_run))
    if outcome.written:
        for each in outcome.revisions:
            print(f"  {_near(each.place)}: {each.title}")


def _summary(outcome: Outcome, *, dry_run: bool) -> dict[str, object]:
    return {
        "written": outcome.written,
        "rehearsed": outcome.rehearsed,
        "revisions": [
            {"id": each.id, "title": each.title, "file": str(each.place), **({"text": each.text} if dry_run else {})}
            for each in outcome.revisions
        ],
    }


def _verdict(outcome: Outcome, *, dry_run: bool) -> str:
    revisions = counted_word(len(outcome.revisions), "revision")
    if outcome.written:
        return f"{revisions} written{', and rehearsed on a copy' if outcome.rehearsed else ''}"
    if outcome.exit_code == 3:
        return "nothing written: see the blockers above"
    if not outcome.revisions:
        return "nothing to write"
    return f"{revisions} would be written" if dry_run else "nothing written: the rehearsal found differences"


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
