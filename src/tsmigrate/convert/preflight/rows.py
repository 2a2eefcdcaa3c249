"""The rows: those that no chunk can hold, how far they reach, and what it took to know."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.convert.preflight.check import check, refused
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.finding import Finding, Severity


@refused
def rows_without_time() -> str:
    """Whether rows have no value in the partition column."""
    return """
        SELECT format('%s rows have no %I', missing, time_column), 'a row without time has no chunk',
               format('Fill %I or delete those rows.', time_column)
        WHERE missing > 0
    """


@refused
def infinite_times() -> str:
    """Whether rows have an infinite time (either one)."""
    return """
        SELECT format('%s rows have an infinite %I, which no chunk can hold', infinite, time_column),
               'TimescaleDB refuses -infinity, and puts infinity where no policy ever reaches it',
               format('Give %I a finite value in those rows.', time_column)
        WHERE infinite > 0
    """


@refused
def rows_not_moved() -> str:
    """Whether there are rows, and the revision does not say that they move."""
    return """
        SELECT format('it holds %s rows', counted), 'they would stay outside of every chunk',
               'Say migrate_data=True, so that they are moved into chunks.'
        WHERE counted > 0 AND NOT migrate
    """


@check
def outliers(subject: Subject) -> Iterator[Finding]:
    """Whether a few rows lie so far from all others that they cost chunks of their own."""
    rows, column = subject.rows, subject.request.column
    if far := rows.far:
        yield Finding(
            "outliers",
            Severity.WARNING,
            f"{far.rows} rows lie far outside of {far.begin} to {far.end}, where all others are; "
            f"{column} goes from {rows.earliest} to {rows.latest}",
            why=f"they cost {far.chunks} of {rows.chunks} chunks, and keep retention and time ranges from making sense",
            mend=f"Look at them: {column} < '{far.begin}' OR {column} >= '{far.end}'; correct or delete what is wrong.",
        )


@check
def looked(subject: Subject) -> Iterator[Finding]:
    """How the rows were looked at, and what that took; or what was not looked at."""
    rows = subject.rows
    if subject.oid is None or not rows.source:
        return
    if subject.scans:
        took = sum(scan.seconds for scan in subject.scans)
        yield Finding(
            "looked",
            Severity.NOTE,
            f"the rows were looked at by {rows.source}: {took:.1f} s",
            why="in all: " + "; ".join(f"{scan.what} {scan.seconds:.1f} s" for scan in subject.scans),
            mend=rows.mend,
        )
        return
    yield Finding(
        "looked",
        Severity.NOTE if subject.request.fast else Severity.WARNING,
        f"the rows were not looked at: all that is said of them is from {rows.source}",
        why="rows without time or with an infinite one, duplicates and rows that break a NOT VALID constraint would "
        "stop the conversion",
        mend="Leave --fast out." if subject.request.fast else subject.unreadable,
    )
