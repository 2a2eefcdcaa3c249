"""`tsmigrate policies`: what the server cannot run by itself, listed, run, paused and moved up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsmigrate.cli.options import Format, Ini, OutputFormat, Url, database
from tsmigrate.finding import counted_word

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from tsmigrate.finding import Finding
    from tsmigrate.policies import pg_cron
    from tsmigrate.policies.runner import Result
    from tsmigrate.policies.state import Kind, Policy
    from tsmigrate.url import DatabaseUrl

app = typer.Typer(
    name="policies",
    help="Policies that this server cannot run: see them, run them, and hand them over once it can.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The table or the aggregate, with its schema or without.", metavar="NAME")]
KindOption = Annotated[
    str | None, typer.Option("--kind", help="Of several on it, this one: refresh or retention.", show_default=False)
]


def register(program: typer.Typer) -> None:
    program.add_typer(app)


@app.command("list")
def list_(*, url: Url = None, config: Ini = None, output: OutputFormat = Format.TEXT) -> None:
    """List what is emulated and what is deferred, and how the last runs went.

    Exit code 0: all is well; 1: the last run of a policy failed, or its table is gone.
    """
    _listed("policies list", url, config, output, due_only=False)


@app.command()
def due(*, url: Url = None, config: Ini = None, output: OutputFormat = Format.TEXT) -> None:
    """List what `tsmigrate policies run` would run now."""
    _listed("policies due", url, config, output, due_only=True)


@app.command()
def run(
    *,
    name: Annotated[
        str | None,
        typer.Argument(help="Run the policies of this table or aggregate now, due or not.", metavar="[NAME]"),
    ] = None,
    kind: KindOption = None,
    loop: Annotated[bool, typer.Option("--loop", help="Stay, and run each policy when it is due.")] = False,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Run what is due, once: for cron. With --loop, stay: for a container.

    Prints a line of JSON a run. Two runners never do the same twice. A run that fails is tried again, after 30 s and
    then twice as long each time. Exit code 0: all went well, or nothing was due; 1: a run failed; 3: the server cannot
    be reached. SIGTERM ends it cleanly: what is under way is rolled back and is due as before.
    """
    from tsmigrate.policies import runner
    from tsmigrate.policies.loop import interruptible, keep_running

    target, kept_kind = database(url, config), _kind(kind)
    failed = 0
    with interruptible() as stopping:
        if loop:
            for result in keep_running(target, stopping):
                _tell(result)
            return
        with _connected(target) as connection:
            results = (
                runner.run_due(connection, stopping)
                if name is None
                else (
                    runner.run(connection, policy, due_only=False)
                    for policy in runner.named(connection, name, kept_kind)
                    if policy.schedule_interval is not None
                )
            )
            for result in results:
                _tell(result)
                failed += result.is_failure
    raise typer.Exit(1 if failed else 0)


Home = Annotated[
    str | None,
    typer.Option("--home", help="The database that pg_cron lives in (default: asked from the server).", metavar="DB"),
]


@app.command()
def schedule(
    *,
    every: Annotated[
        str, typer.Option("--every", help="When to look for what is due, as for cron.", metavar="SCHEDULE")
    ] = "* * * * *",
    home: Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL, and change nothing.")] = False,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Let pg_cron run what is due, inside the server: in place of a cron or a container outside.

    Installs two procedures in a schema of their own, tsmigrate_cron, and makes three jobs of pg_cron: one runs what is
    due, one ends what takes longer than its timeout, one bounds pg_cron's memory of them. They run as the role that you
    connect as, which must own the tables; nothing needs a superuser. Repeat it after an update of tsmigrate. Exit code
    3: the server has no pg_cron, or the role may not use it.
    """
    from tsmigrate.policies import in_server, pg_cron

    with _connected(target := database(url, config)) as connection:
        found = _pg_cron(connection, target, home)
        if dry_run:
            print(f"-- in {found.database}\n{in_server.install()}\n\n-- in {found.url.url.database}")
            print("\n".join(f"{statement};" for statement in found.statements(every)))
            return
        pg_cron.schedule(connection, found, every)
    print(f"pg_cron runs what is due ({every}); tsmigrate policies list shows how it goes")


@app.command()
def unschedule(*, home: Home = None, url: Url = None, config: Ini = None) -> None:
    """Take back what `tsmigrate policies schedule` did. The policies and what they did stay as they are."""
    from tsmigrate.policies import pg_cron

    with _connected(target := database(url, config)) as connection:
        removed = pg_cron.unschedule(connection, pg_cron.home(connection, target, home))
    print("pg_cron runs no policies any more" if removed else "pg_cron had no jobs of this role for this database")


@app.command()
def refresh(
    *,
    name: Name,
    start: Annotated[
        str | None, typer.Option("--from", help="The first time of the window (default: the beginning).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Where the window ends (default: the end).")] = None,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Refresh an emulated aggregate, whose rows changed further back than its policy looks.

    The buckets that lie in the window whole are made anew from the rows that there are now. Buckets whose rows have
    been dropped stay.
    """
    from tsmigrate.policies import runner
    from tsmigrate.policies.loop import interruptible
    from tsmigrate.policies.state import Kind

    with interruptible(), _connected(database(url, config)) as connection:
        for policy in runner.named(connection, name, Kind.AGGREGATE):
            connection.rollback()
            done = runner.refreshed(connection, policy, start, end)
            print(json.dumps({"version": 1, "command": "policies refresh", "name": _plain(policy), **done}))


@app.command()
def pause(*, name: Name, kind: KindOption = None, url: Url = None, config: Ini = None) -> None:
    """Let the policies of a table or an aggregate rest."""
    _paused(name, kind, url, config, paused=True)


@app.command()
def resume(*, name: Name, kind: KindOption = None, url: Url = None, config: Ini = None) -> None:
    """Let them run again."""
    _paused(name, kind, url, config, paused=False)


@app.command()
def promote(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try each, and change nothing.")] = False,
    url: Url = None,
    config: Ini = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Hand what is emulated and deferred over to a server that has the Community edition now.

    An aggregate is built anew beside the emulated one and takes its place when it has the same rows; views that read it
    go on reading it. Each policy is handed over by itself: after a refusal, or cut off, run it again and it goes on
    with the rest. Exit code 0: everything is handed over, or --dry-run met nothing against it; 3: something was
    refused.
    """
    from tsmigrate.cli.terminal import print_findings, print_json, progress
    from tsmigrate.finding import exit_code
    from tsmigrate.finding import report as document
    from tsmigrate.promote import promote as promoted

    target = database(url, config)
    with progress() as shown, _connected(target) as connection:
        promotions = list(promoted(connection, lambda step: shown(step, None), dry_run=dry_run))
    findings = [promotion.finding for promotion in promotions]
    moved = sum(not promotion.refused for promotion in promotions)
    if output is Format.JSON:
        summary = {"database": str(target), "dry_run": dry_run, "promoted": moved, "refused": len(findings) - moved}
        print_json(document("policies promote", findings, summary))
    else:
        print_findings(findings)
        print(f"{moved} of {len(findings)} {'would be' if dry_run else 'are'} TimescaleDB's own now")
    raise typer.Exit(exit_code(findings))


def _pg_cron(connection: Connection, target: DatabaseUrl, named: str | None) -> pg_cron.Home:
    from tsmigrate.errors import BlockedError
    from tsmigrate.policies import pg_cron

    found = pg_cron.home(connection, target, named)
    if found is None:
        raise BlockedError(
            "this server has not loaded pg_cron",
            mend="add it to shared_preload_libraries, restart, and CREATE EXTENSION pg_cron in the database that "
            f"cron.database_name names, {pg_cron.ANOTHER_WAY}",
        )
    return found


def _paused(name: str, kind: str | None, url: str | None, config: Any, *, paused: bool) -> None:
    from tsmigrate.policies import runner

    with _connected(database(url, config)) as connection:
        those = [
            policy for policy in runner.named(connection, name, _kind(kind)) if policy.schedule_interval is not None
        ]
        runner.set_paused(connection, those, paused=paused)
        for policy in those:
            print(f"{policy.told}: {'paused' if paused else 'resumed'}")


def _kind(text: str | None) -> Kind | None:
    from tsmigrate.errors import UsageError
    from tsmigrate.policies.state import Kind

    if text is None:
        return None
    if text not in tuple(Kind):
        raise UsageError(f"there are no policies of the kind {text!r}", mend=f"say one of: {', '.join(Kind)}")
    return Kind(text)


@contextmanager
def _connected(target: Any) -> Iterator[Connection]:
    from tsmigrate import connect

    with connect.pinned(target) as connection:
        yield connection


def _tell(result: Result) -> None:
    """The line of a run."""
    print(
        json.dumps(
            {
                "version": 1,
                "command": "policies run",
                "name": _plain(result.policy),
                "kind": str(result.policy.kind),
                "outcome": str(result.outcome),
                "started": _moment(result.started),
                "seconds": round(result.seconds, 3),
                "details": result.details,
                "error": result.error,
                "next_run": _moment(result.next_run),
            }
        ),
        flush=True,
    )


def _plain(policy: Policy) -> str:
    return f"{policy.relation.schema}.{policy.relation.name}" if policy.relation else policy.subject


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _listed(command: str, url: str | None, config: Any, output: Format, *, due_only: bool) -> None:
    from tsmigrate.cli.terminal import print_findings, print_json
    from tsmigrate.finding import exit_code
    from tsmigrate.finding import report as document
    from tsmigrate.policies import pg_cron, state

    target = database(url, config)
    with _connected(target) as connection:
        found = [policy for policy in state.policies(connection) if policy.due or not due_only]
        home = None if due_only else pg_cron.home(connection, target)
        jobs = home and pg_cron.finding(connection, home)
    findings = [_finding(policy) for policy in found] + ([jobs] if jobs else [])
    if output is Format.JSON:
        rows = [_row(policy) for policy in found]
        print_json(document(command, findings, {"database": str(target), "policies": rows}))
    else:
        print_findings(findings)
        noun = "policy" if len(found) == 1 else "policies"
        print(f"{len(found)} {noun} {'due' if due_only else 'emulated or deferred here'}")
    raise typer.Exit(exit_code(findings))


def _finding(policy: Policy) -> Finding:
    from tsmigrate.finding import Finding, Severity

    if policy.relation is None:
        return Finding(
            str(policy.kind),
            Severity.WARNING,
            f"{policy.name}",
            why="nothing of it runs; the row goes with the next operation that takes one away",
        )
    seen = f"{_plain(policy)}: {', '.join(_facts(policy))}"
    if policy.failures:
        return Finding(
            str(policy.kind),
            Severity.WARNING,
            seen,
            why=f"failed {counted_word(policy.failures, 'time')} in a row: {policy.last_error}",
            mend="mend what the message says; it is tried again by itself",
        )
    return Finding(str(policy.kind), Severity.OK if policy.state == "emulated" else Severity.NOTE, seen)


def _facts(policy: Policy) -> Sequence[str]:
    spans = [f"{name} {policy.config[name]}" for name in _SPANS if policy.config.get(name) is not None]
    when = (
        "paused"
        if policy.paused
        else "due"
        if policy.due
        else f"next {policy.next_run:%Y-%m-%d %H:%M:%S%z}"
        if policy.next_run
        else ""
    )
    return [part for part in (policy.state, *spans, policy.every and f"every {policy.every}", when) if part]


_SPANS = ("drop_after", "start_offset", "end_offset", "compress_after")


def _row(policy: Policy) -> dict[str, Any]:
    return {
        "name": _plain(policy),
        "kind": str(policy.kind),
        "state": str(policy.state),
        "schedule_interval": policy.every,
        "paused": policy.paused,
        "due": policy.due,
        "next_run": _moment(policy.next_run),
        "last_run": _moment(policy.last_run),
        "last_success": _moment(policy.last_success),
        "failures": policy.failures,
        "last_error": policy.last_error,
        "config": {name: policy.config[name] for name in _SPANS if name in policy.config},
    }
