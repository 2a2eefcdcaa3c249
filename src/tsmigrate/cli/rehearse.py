"""`tsmigrate rehearse`: the revisions that a database does not have yet, tried on a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsmigrate.cli.options import (
    AnyEdition,
    CrashAt,
    CrashPoints,
    ForEnvPy,
    Format,
    Ini,
    OutputFormat,
    database,
    edition_of,
)
from tsmigrate.finding import counted_word

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="URL",
        help="The database to copy; only read. Otherwise TSMIGRATE_URL, DATABASE_URL or sqlalchemy.url.",
    ),
]
Rows = Annotated[int, typer.Option("--rows", metavar="N", help="Rows to copy a table; 0: none, made-up ones instead.")]
To = Annotated[str, typer.Option("--to", metavar="REV", help="The last revision to run (default: all heads).")]
Versions = Annotated[
    Path | None, typer.Option("--versions", metavar="DIR", help="A folder of revisions beside the project's.")
]
WantedEdition = Annotated[
    AnyEdition, typer.Option("--edition", "-e", help="The sandbox's edition (any: as the source, where it has one).")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the sandbox with the copy, and say where it is.")]


def register(app: typer.Typer) -> None:
    app.command()(rehearse)


def rehearse(
    *,
    source: From = None,
    config: Ini = None,
    rows: Rows = 100,
    last: To = "",
    versions: Versions = None,
    edition: WantedEdition = AnyEdition.ANY,
    crash: CrashAt = CrashPoints.SAMPLE,
    keep: Keep = False,
    arguments: ForEnvPy = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Try the revisions that a database does not have yet on a copy of it: its schema, and a few rows of each table.

    The copy lies in a sandbox on this machine and is gone at the end. Each revision goes up, down and up again there;
    schema, rows and sequences are compared. The source is only read, in one read-only transaction, by indexes and
    small samples. Exit code 0: no difference; 1: differences; 3: refused, blocked or unreachable.
    """
    from tsmigrate.cli.terminal import print_findings, print_json, progress
    from tsmigrate.finding import report as document
    from tsmigrate.verify.crash_points import Crash
    from tsmigrate.verify.rehearsal.rehearse import Wanted
    from tsmigrate.verify.rehearsal.rehearse import rehearse as run
    from tsmigrate.verify.scratch import stopped_by_signals

    wanted = Wanted(
        source=database(source, config),
        ini=config,
        extra_versions=versions,
        rows=rows,
        edition=edition_of(edition),
        last=last,
        crash=Crash(crash),
        arguments=tuple(arguments or ()),
        keep=keep,
    )
    with stopped_by_signals(), progress() as shown:
        report = run(wanted, shown)
    differences = len(report.differences)
    if output is Format.JSON:
        summary = {"server": report.server, "revisions": report.revisions, "differences": differences}
        print_json(document("rehearse", report.findings, {"source": str(wanted.source), **summary}))
    else:
        print_findings(report.findings)
        found = counted_word(differences, "difference") if differences else "no difference"
        print(f"\n{counted_word(report.revisions, 'revision')} rehearsed: {found}\non {report.server}")
    raise typer.Exit(report.exit_code)
