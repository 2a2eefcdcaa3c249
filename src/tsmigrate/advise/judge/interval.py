"""The chunks' interval, by the memory rule over all tables together; and how many chunks that makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from tsmigrate.advise.evidence import TICKS, Column, Evidence, Table
from tsmigrate.advise.judge.growth import Growth
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.words import DAY, HOUR, bytes_, number, percent

SHARE = 0.25  # of memory, for the indexes of the two newest chunks of all hypertables
NEWEST = 2  # chunks
LENGTHS = {
    "1 hour": HOUR,
    "2 hours": 2 * HOUR,
    "3 hours": 3 * HOUR,
    "6 hours": 6 * HOUR,
    "12 hours": 12 * HOUR,
    "1 day": DAY,
    "2 days": 2 * DAY,
    "3 days": 3 * DAY,
    "7 days": 7 * DAY,
    "14 days": 14 * DAY,
    "30 days": 30 * DAY,
}
USUAL = "7 days"  # where nothing was measured


@dataclass(frozen=True)
class Interval:
    text: str
    seconds: int
    reasons: tuple[Reason, ...]
    unit: str = ""  # of a column of whole numbers

    @property
    def value(self) -> str | int:
        """As op.create_hypertable takes it."""
        return self.seconds * TICKS[self.unit] if self.unit else self.text


@dataclass(frozen=True)
class Chunks:
    now: int
    in_a_year: int
    rows_each: float
    bytes_each: float
    locks: int  # that all of them need in a year
    lock_room: int

    @property
    def told(self) -> str:
        fits = "fits into" if self.locks <= self.lock_room else "does not fit into"
        return (
            f"about {number(self.now)} chunks now and {number(self.in_a_year)} in a year; to read them all then takes "
            f"{self.locks:,} locks, which {fits} the server's lock table of {self.lock_room:,}"
        )


def interval(growths: Iterable[Growth | None], evidence: Evidence, memory: int | None) -> Interval:
    """The longest that fits, for all that are to be hypertables: one, so that joins between them stay in a chunk."""
    known = [growth for growth in growths if growth is not None]
    taken = sum(hypertable.newest_index_bytes for hypertable in evidence.hypertables.values())
    of_memory = memory or evidence.server.memory.effective_cache_size
    source = "" if memory else " (effective_cache_size; --memory names the machine's own)"
    budget = of_memory * SHARE - taken
    an_hour = sum(growth.index_bytes_a_day for growth in known) / 24
    if not an_hour:
        return Interval(USUAL, LENGTHS[USUAL], (Reason("how fast indexes grow is not known: TimescaleDB's usual"),))
    measured = (
        f"the indexes of all {len(known)} tables to convert grow by {bytes_(an_hour)} an hour together"
        if len(known) > 1
        else f"its indexes grow by {bytes_(an_hour)} an hour"
    )
    fitting = [text for text, length in LENGTHS.items() if NEWEST * an_hour * length / HOUR <= budget]
    text = fitting[-1] if fitting else next(iter(LENGTHS))
    needed = NEWEST * an_hour * LENGTHS[text] / HOUR
    reasons = [
        Reason(
            f"{measured}; those of two chunks of {text} are {bytes_(needed)}, "
            f"{percent(needed / of_memory)} of {bytes_(of_memory)} of memory{source}"
        )
    ]
    if taken:
        reasons.append(Reason(f"the newest chunks of today's hypertables hold another {bytes_(taken)} of indexes"))
    if not fitting:
        reasons.append(Reason(f"even an hour is above {percent(SHARE)}: indexes will be read from disk", -1))
    elif text == list(LENGTHS)[-1]:
        reasons.append(Reason("longer would fit too, but old rows are compressed and dropped by the chunk"))
    return Interval(text, LENGTHS[text], tuple(reasons))


def for_column(chosen: Interval, column: Column | None) -> Interval:
    """A chunk of a date column spans whole days; whole numbers are counted in units of their own."""
    if column is not None and column.unit:
        return replace(chosen, unit=column.unit)
    if column is None or column.type != "date" or chosen.seconds >= DAY:
        return chosen
    reason = Reason(f"a column of type date needs whole days, though {chosen.text} would be better", -1)
    return Interval("1 day", DAY, (*chosen.reasons, reason))


def chunks(table: Table, growth: Growth, chosen: Interval, evidence: Evidence) -> Chunks:
    """Stretches without rows make no chunks, as far as the histogram tells."""
    rows = table.known_rows or 0
    starts = {int(moment // chosen.seconds) for moment in growth.spread}
    share = max(1, rows // max(1, len(growth.spread) - 1))
    ordered = sorted(starts)
    between = (min(after - before, share) for before, after in pairwise(ordered))
    now = min(max(rows, 1), 1 + sum(between))
    ahead = 0 if growth.idle else ceil(365 * DAY / chosen.seconds)
    each = growth.rows_a_day * chosen.seconds / DAY
    return Chunks(
        now=now,
        in_a_year=now + ahead,
        rows_each=each,
        bytes_each=growth.bytes_a_day * chosen.seconds / DAY,
        locks=(now + ahead) * table.locks_a_chunk,
        lock_room=evidence.server.locks.table_size,
    )
