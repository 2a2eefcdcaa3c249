"""Room: in the server's lock table, on its disk; and the number of chunks."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.convert.disk import of_table
from tsmigrate.convert.preflight.check import check, refused
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.convert.words import size
from tsmigrate.finding import Finding, Severity

MANY_CHUNKS = 1_000
SMALL_CHUNK = 1_000  # rows


@refused
def lock_table() -> str:
    """Whether the chunks, with their indexes and TOAST tables, fit into the server's lock table."""
    return """
        SELECT format('its rows would make %s chunks, which need %s locks; the server''s lock table has room for %s',
                      expected_chunks, expected_chunks * facts.locks_a_chunk, facts.lock_room),
               'moving the rows, and then reading or dropping all of them, would fail with "out of shared memory"',
               format('Take a longer interval, or set max_locks_per_transaction to %s or more and restart the server.',
                      ceil(expected_chunks * facts.locks_a_chunk * 1.1 / facts.transactions))
        WHERE expected_chunks * facts.locks_a_chunk > facts.lock_room
    """


@check
def chunks(subject: Subject) -> Iterator[Finding]:
    """Whether the interval makes too many chunks, or too small ones."""
    rows = subject.rows
    if not rows.chunks or rows.counted is None:
        return
    each = rows.counted // rows.chunks
    if rows.chunks > MANY_CHUNKS or (rows.chunks > 50 and each < SMALL_CHUNK):
        yield Finding(
            "chunks",
            Severity.WARNING,
            f"an interval of {subject.request.interval} makes {rows.chunks:,} chunks of {each:,} rows each",
            why="every chunk has its files, indexes and locks, and is planned for by every query that may need it",
            mend="Take a longer interval: the longest for which the indexes of the two newest chunks fit into a "
            "quarter of the server's memory.",
        )


@check
def disk(subject: Subject) -> Iterator[Finding]:
    """Whether the disk has room for a second copy of the table and its indexes."""
    if subject.outlook is None:
        return
    copying = subject.outlook.copying()
    needed = copying.disk
    takes = (
        f"the conversion needs {size(needed)} on disk: {size(subject.outlook.whole)} for the rows, "
        f"{size(subject.outlook.indexes)} for the indexes"
    )
    why = (
        "the plain table's files go only when the transaction has committed, and "
        f"{f'about {size(copying.log)}' if copying.log else 'next to nothing'} goes through the write-ahead log"
    )
    found = of_table(subject.connection, subject.oid) if subject.oid else None
    if found is None:
        mend = "Look at the server's disk yourself: df of its data_directory (and of the table's tablespace)."
        yield Finding("disk", Severity.NOTE, f"{takes}; what is free cannot be seen from here", why, mend)
        return
    seen = f"{takes}; {found.path} has {size(found.free)} free"
    if found.free < needed:
        yield Finding("disk", Severity.BLOCKER, seen, why, "Make room first.")
    elif found.free < 2 * needed:
        mend = "Make room, or see that the write-ahead log is on another disk and is not kept (slots, archiving)."
        yield Finding("disk", Severity.WARNING, seen, why, mend)
    else:
        yield Finding("disk", Severity.NOTE, seen, why)
