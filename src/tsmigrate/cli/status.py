"""`tsmigrate status`: how hypertables, aggregates and policies stand, and what deserves attention."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from tsmigrate.cli.options import Ini, Url, database

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tsmigrate.status.report.report import Report
    from tsmigrate.url import DatabaseUrl


WATCHED_EVERY = "5"


class StatusFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    PROMETHEUS = "prometheus"


class _Status(TyperCommand):
    """Typer knows no option whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_with_seconds(args)))


def _with_seconds(arguments: Sequence[str]) -> Iterator[str]:
    for place, argument in enumerate(arguments):
        yield argument
        following = arguments[place + 1 : place + 2]
        if argument == "--watch" and (not following or following[0].startswith("-")):
            yield WATCHED_EVERY


def register(app: typer.Typer) -> None:
    app.command(cls=_Status)(status)


def status(
    *,
    watch: Annotated[
        float | None,
        typer.Option(
            "--watch",
            help="Look again every so many seconds (5 if none are given), until Ctrl-C.",
            min=0.1,
            show_default=False,
            metavar="[SECONDS]",
        ),
    ] = None,
    output: Annotated[StatusFormat, typer.Option("--format", help="How to report.")] = StatusFormat.TEXT,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Say how hypertables, continuous aggregates and policies stand, and what deserves attention.

    Reads catalogs, statistics and the sizes of files only, no rows; any role that may connect may ask. Where there is
    an alembic.ini, the database's revision is compared with the project's. Exit code 0: nothing to do; 1: there are
    warnings; 3: the server cannot be reached. Ctrl-C ends --watch with 0.
    """
    from tsmigrate import settings

    target = database(url, config)
    if config is not None:
        settings.find(config)  # one that is named has to be there
    if watch is None:
        report = _look(target, config)
        _print(report, output)
        raise typer.Exit(1 if report.warnings else 0)
    try:
        _keep_looking(target, config, output, watch)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _look(target: DatabaseUrl, config: Path | None) -> Report:
    from tsmigrate import connect
    from tsmigrate.status.gather import gather
    from tsmigrate.status.report.report import Report

    with connect.pinned(target) as connection:
        return Report(str(target), gather(connection, config))


def _print(report: Report, output: StatusFormat) -> None:
    from rich.console import Console

    from tsmigrate.cli.terminal import print_json
    from tsmigrate.status.report.as_json import as_json
    from tsmigrate.status.report.as_prometheus import prometheus

    if output is StatusFormat.JSON:
        print_json(as_json(report))
    elif output is StatusFormat.PROMETHEUS:
        print(prometheus(report), end="")
    else:
        Console(highlight=False).print(_shown(report))
    sys.stdout.flush()


def _shown(report: Report) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from tsmigrate.cli.terminal import findings_shown
    from tsmigrate.status.report.as_text import text

    below: list[RenderableType] = [Text(""), findings_shown(report.findings)] if report.findings else []
    return Group(text(report), *below)


def _on_screen(report: Report, seconds: float, trouble: str = "") -> RenderableType:
    """What deserves attention comes first, since a screen ends."""
    from rich.console import Group
    from rich.text import Text

    from tsmigrate.cli.terminal import FirstLines, findings_shown
    from tsmigrate.status.report.as_text import blocks, head
    from tsmigrate.status.words import clock

    said = Text(trouble, "bold red") if trouble else Text(f"at {clock(report.facts.now)}, every {seconds:g} s", "dim")
    findings: list[RenderableType] = [Text(""), findings_shown(report.findings)] if report.findings else []
    return FirstLines(Group(said, head(report), *findings, blocks(report)))


def _keep_looking(target: DatabaseUrl, config: Path | None, output: StatusFormat, seconds: float) -> None:
    """The first look has to succeed; later ones go on when the server is back."""
    report = _look(target, config)
    if output is StatusFormat.TEXT and sys.stdout.isatty():
        _redraw(report, target, config, seconds)
        return
    _print(report, output)
    for found in _later(target, config, seconds):
        if isinstance(found, str):
            print(found, file=sys.stderr, flush=True)
        else:
            _print(found, output)


def _later(target: DatabaseUrl, config: Path | None, seconds: float) -> Iterator[Report | str]:
    """Looks, or why there is none."""
    from tsmigrate.errors import BlockedError

    while True:
        time.sleep(seconds)
        try:
            yield _look(target, config)
        except BlockedError as error:
            yield f"{error.message}; trying again in {seconds:g} s"


def _redraw(report: Report, target: DatabaseUrl, config: Path | None, seconds: float) -> None:
    """In place, on a screen of its own; the last look stays behind on the usual one."""
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    live = Live(_on_screen(report, seconds), console=console, screen=True, auto_refresh=False)
    try:
        live.start(refresh=True)  # not a with block: Ctrl-C may come while it draws for the first time
        for found in _later(target, config, seconds):
            if isinstance(found, str):
                live.update(_on_screen(report, seconds, found), refresh=True)
            else:
                report = found
                live.update(_on_screen(report, seconds), refresh=True)
    finally:
        live.stop()
        console.print(_shown(report))
