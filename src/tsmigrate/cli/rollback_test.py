"""`tsmigrate rollback-test`: every revision up, down and up again, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import AnyEdition, CrashPoints, Format, Ini, OutputFormat

if TYPE_CHECKING:
    from tsmigrate.verify.rollback import Report


def register(app: typer.Typer) -> None:
    app.command("rollback-test")(rollback_test)


def rollback_test(
    *,
    config: Ini = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="A server to make the scratch database on (default: a sandbox of its own)."),
    ] = None,
    edition: Annotated[AnyEdition, typer.Option("--edition", "-e", help="The sandbox's edition.")] = AnyEdition.ANY,
    first: Annotated[str, typer.Option("--from", metavar="REV", help="The first revision to test.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="REV", help="The last one to run (default: all heads).")] = "",
    rows: Annotated[
        int | None,
        typer.Option("--rows", metavar="N", help="Rows to make up a table (default: 100; beside a seed 10)."),
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="FILE.sql|MODULE:FUNCTION", help="Rows of yours, loaded once they fit."),
    ] = None,
    crash: Annotated[
        CrashPoints, typer.Option("--crash", help="At which statements of an upgrade to cut its connection.")
    ] = CrashPoints.SAMPLE,
    arguments: Annotated[
        list[str] | None,
        typer.Option("-x", metavar="NAME=VALUE", help="Handed to env.py; can be repeated.", show_default=False),
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Prove that every revision can be taken back, on a scratch database that is dropped at the end.

    Each revision goes up, down and up again; schema, rows and sequences are compared; at the end all go down in one
    go. No other database is touched: an env.py that does not heed the one it is given is refused before it connects.
    Exit code 0: no difference; 1: differences; 3: refused, blocked or unreachable.
    """
    from tsmigrate.capability import Edition
    from tsmigrate.cli.terminal import print_findings, print_json, progress
    from tsmigrate.finding import report as document
    from tsmigrate.url import DatabaseUrl, parse
    from tsmigrate.verify.crash_points import Crash
    from tsmigrate.verify.rollback import Wanted, run
    from tsmigrate.verify.scratch import stopped_by_signals

    wanted = Wanted(
        ini=config,
        server=DatabaseUrl(parse(url, "--url"), source="--url") if url else None,
        edition=None if edition is AnyEdition.ANY else Edition(edition),
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
    count = len(report.differences)
    tested = "1 revision" if report.revisions == 1 else f"{report.revisions} revisions"
    return (
        f"{tested} tested: {'no difference' if not count else '1 difference' if count == 1 else f'{count} differences'}"
    )
