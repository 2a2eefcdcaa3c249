"""`tsmigrate sandbox`: a private throwaway PostgreSQL with TimescaleDB."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import AnyEdition, Format, OutputFormat, edition_of

if TYPE_CHECKING:
    from tsmigrate.sandbox import Sandbox

group = typer.Typer(
    no_args_is_help=True, help="A private throwaway PostgreSQL with TimescaleDB, for trying and testing."
)

Name = Annotated[str, typer.Option("--name", "-n", help="Which sandbox; several can run side by side.")]
WantedEdition = Annotated[AnyEdition, typer.Option("--edition", "-e", help="TimescaleDB's edition.")]
PgBin = Annotated[
    Path | None,
    typer.Option("--pg-bin", help="The programs of the PostgreSQL to use (or TSMIGRATE_PG_BIN).", show_default=False),
]
DEFAULT = "default"


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="sandbox")


@group.command()
def up(
    name: Name = DEFAULT,
    edition: WantedEdition = AnyEdition.ANY,
    pg_bin: PgBin = None,
    tcp: Annotated[bool, typer.Option("--tcp", help="Listen on loopback too, with a password.")] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting of PostgreSQL's; can be repeated.", show_default=False
        ),
    ] = None,
) -> None:
    """Start a sandbox, making it first if need be, and print its URL.

    On Debian an engine (Apache edition) is fetched into your cache when none is installed. Settings are fast and
    **unsafe for real data**. Take it away again with `tsmigrate sandbox down`.
    """
    from tsmigrate import sandbox
    from tsmigrate.cli.terminal import progress

    settings = dict(_setting(assignment) for assignment in assignments or [])
    with progress() as report:
        running = sandbox.up(
            name, edition=edition_of(edition), pg_bin=pg_bin, tcp=tcp, settings=settings, progress=report
        )
    _tell_passfile(running, tcp)
    print(running.tcp_url if tcp else running.url)


@group.command()
def down(
    name: Name = DEFAULT,
    everything: Annotated[bool, typer.Option("--all", help="All of your sandboxes.")] = False,
) -> None:
    """Stop a sandbox and delete all of it.

    What cannot be read as a sandbox of yours is named and left alone; the exit code is then 3.
    """
    from tsmigrate import sandbox
    from tsmigrate.errors import SandboxError

    names = [found.sandbox.name for found in sandbox.every()] if everything else [name]
    for each in names:
        removed = sandbox.down(each)
        print(f'sandbox "{each}" {"removed" if removed else "was not there"}', file=sys.stderr)
    if everything and _tell_unreadable():
        raise typer.Exit(SandboxError.exit_code)


@group.command()
def status(output: OutputFormat = Format.TEXT) -> None:
    """List your sandboxes. Exit code 1: there is what cannot be read as one, and it is named."""
    from tsmigrate import sandbox
    from tsmigrate.cli.terminal import print_json
    from tsmigrate.finding import Finding, Severity, exit_code, report

    found = sandbox.every()
    findings = [
        Finding(name, Severity.WARNING, error.message, mend=error.mend) for name, error in sandbox.unreadable().items()
    ]
    if output is Format.JSON:
        print_json(report("sandbox status", findings, {"sandboxes": [
            {
                "name": each.sandbox.name,
                "running": each.running,
                "pid": each.pid,
                "edition": each.sandbox.edition,
                "postgres": each.sandbox.postgres,
                "timescaledb": each.sandbox.timescaledb,
                "url": each.sandbox.url,
                "tcp": each.sandbox.tcp,
            }
            for each in found
        ]}))  # fmt: skip
        raise typer.Exit(exit_code(findings))
    if not found and not findings:
        print("no sandbox; start one: tsmigrate sandbox up", file=sys.stderr)
    for each in found:
        state = f"running, process {each.pid}" if each.running else "stopped"
        made = f"PostgreSQL {each.sandbox.postgres}, TimescaleDB {each.sandbox.timescaledb} {each.sandbox.edition}"
        print(f"{each.sandbox.name}  {state}\n  {made}\n  {each.sandbox.url}")
    _tell_unreadable()
    raise typer.Exit(exit_code(findings))


@group.command()
def url(
    name: Name = DEFAULT,
    tcp: Annotated[
        bool,
        typer.Option("--tcp", help="By loopback instead of the socket; the URL names the file with the password."),
    ] = False,
) -> None:
    """Print the URL of a running sandbox. With --tcp it may restart, if nobody is connected."""
    from tsmigrate import sandbox
    from tsmigrate.cli.terminal import progress

    if not tcp:
        print(sandbox.running(name).url)
        return
    with progress() as report:
        running = sandbox.by_tcp(name, progress=report)
    _tell_passfile(running, tcp)
    print(running.tcp_url)


@group.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def psql(context: typer.Context, name: Name = DEFAULT) -> None:
    """Open psql in a running sandbox; what follows is handed to psql, as in `sandbox psql -c "SELECT 1"`."""
    from tsmigrate import sandbox

    running = sandbox.running(name)
    program = running.bin / "psql"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    sys.stdout.flush()
    os.execve(program, [str(program), running.url, *context.args], environment)


@group.command()
def engines(
    pg_bin: PgBin = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch Debian's engine now (about 60 MB).")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the fetched engine.")] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """List the PostgreSQL installations with TimescaleDB that a sandbox can use, best first."""
    from tsmigrate.cli.terminal import print_json, progress
    from tsmigrate.sandbox import debian
    from tsmigrate.sandbox import engines as known

    if remove:
        print("fetched engine " + ("removed" if debian.remove() else "was not there"), file=sys.stderr)
    if fetch:
        with progress() as report:
            debian.fetch(report)
    found = known.found(pg_bin)
    hindrance = debian.unusable()
    if output is Format.JSON:
        print_json({"version": 1, "command": "sandbox engines", "findings": [], "summary": {
            "engines": [
                {
                    "bin": str(engine.bin),
                    "postgres": str(engine.postgres),
                    "timescaledb": str(engine.timescaledb),
                    "edition": engine.edition,
                    "origin": engine.origin,
                }
                for engine in found
            ],
            "can_fetch": hindrance is None,
        }})  # fmt: skip
        return
    for engine in found:
        print(f"{engine.edition:<10} {engine.origin:<10} {engine}\n  {engine.bin}")
    if not any(engine.origin is known.Origin.FETCHED for engine in found):
        print(
            f"none can be fetched: {hindrance}\n  mend: {known.WAYS_TO_GET_ONE}"
            if hindrance
            else "the Apache edition can be fetched from Debian: tsmigrate sandbox engines --fetch",
            file=sys.stderr,
        )


def _setting(assignment: str) -> tuple[str, str]:
    name, equals, value = assignment.partition("=")
    if not equals or not re.fullmatch(r"[a-z_][a-z0-9_.]*", name, re.IGNORECASE) or "\n" in value:
        raise typer.BadParameter(f"{assignment!r} is not NAME=VALUE", param_hint="--set")
    return name, value


def _tell_passfile(running: Sandbox, tcp: bool) -> None:
    if tcp:
        print(f"the password is in {running.passfile}", file=sys.stderr)


def _tell_unreadable() -> bool:
    """Whether there was anything to tell."""
    from tsmigrate import sandbox

    found = sandbox.unreadable()
    for name, error in found.items():
        print(f"{name}  cannot be read: {error.message}\n  mend: {error.mend}", file=sys.stderr)
    return bool(found)
