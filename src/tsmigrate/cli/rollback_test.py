"""`tsmigrate rollback-test`: every revision up, down and up again, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import (
    AnyEdition,
    CrashAt,
    CrashPoints,
    ForEnvPy,
    Format,
    Ini,
    OutputFormat,
    edition_of,
)
from tsmigrate.finding import counted_word

if TYPE_CHECKING:
    from tsmigrate.verify.rollback import Report


Server = Annotated[
    str | None,
    typer.Option("--url", help="A server to make the scratch database on (default: a sandbox of its own)."),
]
WantedEdition = Annotated[AnyEdition, typer.Option("--edition", "-e", help="The sandbox's edition.")]
From = Annotated[str, typer.Option("--from", metavar="REV", help="The first revision to test.")]
To = Annotated[str, typer.Option("--to", metavar="REV", help="The last one to run (default: all heads).")]
Rows = Annotated[
    int | None,
    typer.Option("--rows", metavar="N", help="Rows to make up a table (default: 100; beside a seed 10)."),
]
Seed = Annotated[
    str | None,
    typer.Option("--seed", metavar="FILE.sql|MODULE:FUNCTION", help="Rows of yours, loaded once they fit."),
]


def register(app: typer.Typer) -> None:
    app.command("rollback-test")(rollback_test)


def rollback_test(
    *,
    config: Ini = None,
    url: Server = None,
    edition: WantedEdition = AnyEdition.ANY,
    first: From = "",
    last: To = "",
    rows: Rows = None,
    seed: Seed = None,
    crash: CrashAt = CrashPoints.SAMPLE,
    arguments: ForEnvPy = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Prove that every revision can be taken back, on a scratch database that is dropped at the end.

    Each revision goes up, down and up again; schema, rows and sequences are compared; at the end all go down in one
    go. No other database is touched: an env.py that does not heed the one it is given is refused before it connects.
    Exit code 0: no difference; 1: differences; 3: refused, blocked or unreachable.
    """
    from tsmigrate.cli.terminal import print_findings, print_json, progress
    from tsmigrate.finding import report as document
    from tsmigrate.url import DatabaseUrl, parse
    from tsmigrate.verify.crash_points import Crash
    from tsmigrate.verify.rollback import Wanted, run
    from tsmigrate.verify.scratch import stopped_by_signals

    wanted = Wanted(
        ini=config,
        server=DatabaseUrl(parse(url, "--url"), source="--url") if url else None,
        edition=edition_of(edition),
        first=first,
        last=last,
        rows=rows,
        seed=seed,
        crash=Crash(crash),
        arguments=tuple(arguments or ()),
    )
    with stopped_by_signals(), progress() as shown:
        report = run(wanted, shown)
    if output is Format.JSON:
        print_json(document("rollback-test", report.findings, _summary(report)))
    else:
        print_findings(report.findings)
        print(f"\n{_verdict(report)}\non {report.server}")
    raise typer.Exit(report.exit_code)


def _summary(report: Report) -> dict[str, object]:
    return {"server": report.server, "revisions": report.revisions, "differences": len(report.differences)}


def _verdict(report: Report) -> str:
    differences = len(report.differences)
    found = counted_word(differences, "difference") if differences else "no difference"
    return f"{counted_word(report.revisions, 'revision')} tested: {found}"
