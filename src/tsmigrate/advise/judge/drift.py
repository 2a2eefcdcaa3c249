"""Where a hypertable differs from what would be advised for it now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmigrate.advise.evidence import Evidence, Hypertable, Table
from tsmigrate.advise.judge.interval import LENGTHS, SHARE
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.time_columns import TimeColumn
from tsmigrate.advise.judge.words import bytes_, number, percent
from tsmigrate.capability import Edition

_MUCH = 4  # times: the newest chunk is seldom full, and a sum of two such is half of what it will be
_FEW = 10  # chunks, whose length hardly matters
_OLD = 3  # chunks, of which the oldest could have gone into a columnstore


def drift(table: Table, ranked: Sequence[TimeColumn], evidence: Evidence, memory: int | None) -> tuple[Reason, ...]:
    found = evidence.hypertables.get(table.oid)
    return tuple(_drift(table, found, ranked, evidence, memory)) if found else ()


def _drift(
    table: Table, found: Hypertable, ranked: Sequence[TimeColumn], evidence: Evidence, memory: int | None
) -> Iterator[Reason]:
    best = ranked[0] if ranked else None
    if best is not None and best.sure and best.name != found.column:
        yield Reason(f"it is partitioned by {found.column}; more speaks for {best.name}", -1)
    yield from _interval(found, evidence, memory)
    excluded = table.row_security or any(index.exclusion for index in table.indexes)
    community = evidence.server.timescale.edition is Edition.COMMUNITY
    if community and not found.columnstore and not excluded and found.chunks > _OLD:
        yield Reason(f"none of its {number(found.chunks)} chunks can go into the columnstore: op.set_columnstore", -1)


def _interval(found: Hypertable, evidence: Evidence, memory: int | None) -> Iterator[Reason]:
    """By the memory rule, as all hypertables share it, their chunks made longer or shorter alike."""
    taken = sum(each.newest_index_bytes for each in evidence.hypertables.values())
    if not found.seconds or not found.newest_seconds or not found.newest_index_bytes:
        return
    of_memory = memory or evidence.server.memory.effective_cache_size
    room = found.newest_seconds * SHARE * of_memory / taken
    fitting = [text for text, length in LENGTHS.items() if length <= room]
    text = fitting[-1] if fitting else next(iter(LENGTHS))
    measured = (
        f"its interval is {found.interval}; the indexes of the two newest chunks of all hypertables are "
        f"{bytes_(taken)}, "
        f"{percent(taken / of_memory)} of {bytes_(of_memory)} of memory"
    )
    if found.seconds > room and LENGTHS[text] < found.seconds:
        yield Reason(f"{measured}: {text} would be advised (op.set_chunk_interval)", -1)
    elif LENGTHS[text] >= _MUCH * found.seconds and found.chunks > _FEW:
        yield Reason(f"{measured}: {text} would do, with fewer chunks than {number(found.chunks)}", -1)
