"""`tsmigrate split`: the big chunk of an attached table, cut along the interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import Format, Ini, OutputFormat, TableSchema, Url, database, interval_of
from tsmigrate.finding import counted_word

if TYPE_CHECKING:
    from tsmigrate.convert.split import Cut, Done, Plan, WideChunk


Table = Annotated[
    str, typer.Argument(help="The hypertable, as it is called in the catalogs: unquoted.", metavar="TABLE")
]
Interval = Annotated[
    str | None,
    typer.Option(
        "--interval",
        help="That of the new chunks, if not the hypertable's: '1 day', or a number.",
        show_default=False,
    ),
]
Wide = Annotated[bool, typer.Option("--wide", help="Split every chunk that is at least twice as wide as the interval.")]
MaxCuts = Annotated[
    int | None,
    typer.Option("--max-cuts", min=1, help="Stop after so many; the next run goes on.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List the cuts, and change nothing.")]
LockTimeout = Annotated[
    int, typer.Option("--lock-timeout", min=1, help="Milliseconds to wait for the table's lock at a time.")
]
LockRetries = Annotated[int, typer.Option("--lock-retries", min=0, help="How often to wait again.")]


def register(app: typer.Typer) -> None:
    app.command()(split)


def split(
    *,
    table: Table,
    interval: Interval = None,
    schema: TableSchema = None,
    wide: Wide = False,
    max_cuts: MaxCuts = None,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = 5_000,
    lock_retries: LockRetries = 10,
    url: Url = None,
    config: Ini = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Split the chunk that a table was attached as into chunks of the interval.

    Retention and the columnstore then work on it chunk by chunk. Each cut is a transaction, which locks the table while
    it reads the chunk and moves its newest rows out, counted and checksummed. It can be cut off at any moment: run it
    again, and it goes on with what is left. The downgrade still gives the plain table back. Needs TimescaleDB Community
    2.21. Exit code 0: nothing is left to cut, or --max-cuts or --dry-run ended it; 3: something blocks.
    """
    from tsmigrate import connect
    from tsmigrate.catalog.relation import Relation
    from tsmigrate.cli.terminal import print_findings, print_json, progress
    from tsmigrate.convert.split import Request, alone, cut_all, plan
    from tsmigrate.finding import exit_code
    from tsmigrate.finding import report as document
    from tsmigrate.plpgsql import Locking

    target = database(url, config)
    request = Request(Relation(schema, table) if schema else table, interval_of(interval), wide)
    done: Done | None = None
    with (
        progress() as shown,
        connect.connection(target) as connection,
        nullcontext() if dry_run else alone(connection, request),
    ):
        planned = plan(connection, request, lambda step: shown(step, None))
        connection.rollback()
        cuts = [] if dry_run or _is_blocked(planned) else planned.cuts[:max_cuts]
        if cuts:
            shown(_found(planned), None)
            done = cut_all(connection, planned, cuts, Locking(lock_timeout, lock_retries), _teller(shown, cuts))
    if output is Format.JSON:
        print_json(document("split", planned.findings, {"database": str(target), **_summary(planned, done)}))
    else:
        print_findings(planned.findings)
        print("\n".join(_told(planned, done)))
    raise typer.Exit(exit_code(planned.findings))


def _is_blocked(planned: Plan) -> bool:
    from tsmigrate.finding import exit_code

    return exit_code(planned.findings) == 3


def _found(planned: Plan) -> str:
    """Where a run begins, which is where another may have been cut off."""
    chunks = ", ".join(f"{chunk.name} from {chunk.begins} to {chunk.ends}" for chunk in planned.chunks)
    beside = counted_word(planned.others, "chunk")
    return f"found {chunks}, and {beside} that need no cut"


def _teller(shown: Callable[[str, float | None], None], cuts: Sequence[Cut]) -> Callable[[Done], None]:
    total = sum(cut.rows for cut in cuts)

    def tell(done: Done) -> None:
        rate = done.rows / done.seconds if done.seconds else 0.0
        left = f", about {_duration((total - done.rows) / rate)} left" if rate and done.cuts < done.of else ""
        step = f"cut {done.cuts} of {done.of}: {done.rows:,} of {total:,} rows, {rate:,.0f} rows/s{left}"
        shown(step, done.cuts / done.of)

    return tell


def _told(planned: Plan, done: Done | None) -> Iterator[str]:
    """What there is to cut, or what was cut."""
    if _is_blocked(planned):
        yield f"\n{planned.table}: blocked"
    elif not planned.chunks:
        yield f"{planned.table}: nothing to split: no attached chunk is wider than {planned.interval}"
        yield f"  {counted_word(planned.others, 'chunk')} in all; --wide looks at chunks that were not attached, too"
    elif not planned.cuts:
        names = ", ".join(chunk.name for chunk in planned.chunks)
        yield f"{planned.table}: nothing to split: the rows of {names} lie in one interval of {planned.interval}"
    elif done is None:
        yield from _listed(planned)
    else:
        left = len(planned.cuts) - done.cuts
        yield (
            f"{planned.table}: {counted_word(done.cuts, 'cut')} moved {done.rows:,} rows into "
            f"{counted_word(done.pieces, 'chunk')} in {_duration(done.seconds)}; "
            + (f"{counted_word(left, 'cut')} left: run it again" if left else "nothing is left to cut; run ANALYZE")
        )


def _listed(planned: Plan) -> Iterator[str]:
    from tsmigrate.convert.words import size

    for chunk in planned.chunks:
        yield f"\n{chunk.name}: {chunk.rows:,} rows, {size(chunk.bytes)}, from {chunk.begins} to {chunk.ends}"
        for number, cut in enumerate(chunk.cuts, 1):
            bytes_moved = chunk.bytes * cut.rows // max(chunk.rows, 1)
            moves = f"{cut.rows:,} rows ({size(bytes_moved)}) into {counted_word(cut.pieces, 'chunk')}"
            yield f"  cut {number}: {cut.begins} to {cut.ends}, {moves}"
    yield (
        f"{planned.table}: {counted_word(len(planned.cuts), 'cut')} into chunks of {planned.interval}, "
        f"about {_duration(planned.seconds_expected)}; the longest lock about {_duration(planned.longest_lock)}"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _summary(planned: Plan, done: Done | None) -> dict[str, object]:
    return {
        "table": planned.table,
        "interval": planned.interval,
        "chunks": [_chunk(chunk) for chunk in planned.chunks],
        "narrow_chunks": planned.others,
        "cuts_planned": len(planned.cuts),
        "bytes_needed": planned.bytes_needed,
        "seconds_expected": round(planned.seconds_expected, 1),
        "cuts_made": done.cuts if done else 0,
        "rows_moved": done.rows if done else 0,
        "chunks_made": done.pieces if done else 0,
        "seconds": round(done.seconds, 1) if done else 0.0,
    }


def _chunk(chunk: WideChunk) -> dict[str, object]:
    return {
        "name": chunk.name,
        "begins": chunk.begins,
        "ends": chunk.ends,
        "rows": chunk.rows,
        "bytes": chunk.bytes,
        "cuts": [
            {"begins": cut.begins, "ends": cut.ends, "rows": cut.rows, "chunks": cut.pieces} for cut in chunk.cuts
        ],
    }
