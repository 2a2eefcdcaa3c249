"""What stands against splitting a chunk, and what is to be known beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tsmigrate.capability import ATTACHES_CLEANLY, Server
from tsmigrate.convert.disk import Disk
from tsmigrate.convert.words import size
from tsmigrate.finding import Finding, Severity

KNOWN_TIMES = {
    "timestamp with time zone",
    "timestamp without time zone",
    "date",
    "smallint",
    "integer",
    "bigint",
}


def against(facts: Any, wide: Sequence[Any]) -> list[Finding]:
    """All that the catalogs know, before a row is read."""
    return [Finding(check, Severity.BLOCKER, seen, mend=mend) for check, seen, mend in _against(facts, wide)]


def _against(facts: Any, wide: Sequence[Any]) -> Iterator[tuple[str, str, str]]:
    if facts.time_column is None:
        yield "hypertable", f"{facts.name} is not a hypertable", "Convert it first: op.create_hypertable."
        return
    if not facts.owned:
        mend = f"Run it as its owner, {facts.owner}, or a member of that role."
        yield "ownership", f"{facts.role} may not change {facts.name}", mend
    if facts.may_read_undo is False:
        seen = f"{facts.role} may not read tsmigrate.undo, which says what was attached"
        mend = f"GRANT USAGE ON SCHEMA tsmigrate TO {facts.role}; GRANT SELECT ON tsmigrate.undo TO {facts.role}"
        yield "undo", seen, mend
    if facts.dimensions > 1:
        mend = "Convert it with method='copy'."
        yield "dimensions", f"the chunks of {facts.name} are spread by a hash, and no such chunk can be attached", mend
    if facts.time_type not in KNOWN_TIMES:
        seen = f"{facts.name} is partitioned by {facts.time_column}, of type {facts.time_type}"
        yield "partition column", seen, f"Only chunks by these types are split: {', '.join(sorted(KNOWN_TIMES))}."
    if not facts.may_make_temporary:
        seen = f"{facts.role} may not make temporary tables, and a chunk's last cut needs one"
        yield "temporary tables", seen, f"GRANT TEMPORARY ON DATABASE … TO {facts.role}"
    for chunk in wide:
        if chunk.is_compressed:
            mend = (
                f"SELECT decompress_chunk('{chunk.chunk}'), and pause the policy that compressed it; or leave it whole."
            )
            yield "columnstore", f"the chunk {chunk.chunk} of {facts.name} is in the columnstore", mend


def room(needed: int, disk: Disk | None) -> Iterator[Finding]:
    """Whether the rows that move fit on the disk a second time."""
    takes = f"splitting needs {size(needed)} on disk"
    why = (
        "rows that move are written again, and their old place is free after the chunk's last cut; "
        "about as much goes through the write-ahead log"
    )
    if disk is None:
        mend = "Look at the server's disk yourself: df of its data_directory (and of the table's tablespace)."
        yield Finding("disk", Severity.NOTE, f"{takes}; what is free cannot be seen from here", why, mend)
    elif disk.free < needed:
        mend = "Make room first, or split a part with --max-cuts and VACUUM the chunk."
        yield Finding("disk", Severity.BLOCKER, f"{takes}; {disk.path} has {size(disk.free)} free", why, mend)
    else:
        yield Finding("disk", Severity.NOTE, f"{takes}; {disk.path} has {size(disk.free)} free", why)


def flags(server: Server) -> Iterator[Finding]:
    """What an attached chunk lacks before 2.29.1."""
    installed = server.timescale.installed
    if installed and installed < ATTACHES_CLEANLY:
        yield Finding(
            "attached columns",
            Severity.NOTE,
            f"TimescaleDB {installed} leaves the columns and constraints of an attached chunk its own",
            "a column or constraint that is dropped from the hypertable later stays on that chunk",
            f"Update to {ATTACHES_CLEANLY} or later, which mends chunks that are attached already.",
        )
