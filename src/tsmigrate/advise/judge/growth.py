"""How a table grows, read off the histogram of a time column."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tsmigrate.advise.evidence import Column, Statistics, Table
from tsmigrate.advise.judge.words import DAY

# The newest quarter, without its last rows: one stray moment in the far future is among those.
_NEWEST = (0.75, 0.98)
IDLE_DAYS = 30
_FEW = 4  # moments, at least, to tell a growth from


@dataclass(frozen=True)
class Growth:
    rows_a_day: float
    bytes_a_day: float
    index_bytes_a_day: float
    oldest: float  # seconds since 1970, of the moments that ANALYZE met
    newest: float
    idle_days: float  # between the newest row and the last ANALYZE
    spread: tuple[float, ...]  # moments with equally many rows between them, for a picture

    @property
    def idle(self) -> bool:
        return self.idle_days > IDLE_DAYS


def growth(table: Table, column: Column, now: datetime) -> Growth | None:
    """None: nothing is known of the column's values, or they are too few to tell."""
    rows = table.known_rows
    if column.statistics is None or not rows:
        return None
    spread = quantiles(column.statistics)
    if len(set(spread)) < _FEW:
        return None
    filled = rows * (1 - column.statistics.nulls)
    low, high = (_at(spread, share) for share in _NEWEST)
    share = _NEWEST[1] - _NEWEST[0]
    if high <= low:  # so many rows of one moment
        low, high, share = spread[0], spread[-1], 1.0
    # A histogram of a few values is no finer than the day or the hour between them.
    a_day = filled * share / ((high - low) / DAY)
    looked = (table.analyzed or now).timestamp()
    return Growth(
        rows_a_day=a_day,
        bytes_a_day=a_day * table.size / rows,
        index_bytes_a_day=a_day * table.index_bytes / rows,
        oldest=spread[0],
        newest=spread[-1],
        idle_days=max(0.0, (looked - _at(spread, _NEWEST[1])) / DAY),
        spread=spread,
    )


def quantiles(statistics: Statistics, steps: int = 100) -> tuple[float, ...]:
    """The moments at 0, 1, … 100 % of the rows, from the histogram and the commonest values together."""
    weighted = [(moment, share) for moment, share in statistics.common if share > 0]
    left = max(0.0, 1 - statistics.nulls - sum(share for _, share in weighted))
    bounds = statistics.bounds
    if len(bounds) > 1:
        # The first bound is the least value and weighs nothing.
        weighted += [(bounds[0], 0.0), *((bound, left / (len(bounds) - 1)) for bound in bounds[1:])]
    if not weighted:
        return ()
    weighted.sort()
    total = sum(share for _, share in weighted)
    if total <= 0:
        return ()
    found, reached, place = [weighted[0][0]], weighted[0][1], 0
    for step in range(1, steps + 1):
        wanted = total * step / steps
        while reached < wanted - 1e-9 and place < len(weighted) - 1:
            place += 1
            reached += weighted[place][1]
        found.append(weighted[place][0])
    found[-1] = weighted[-1][0]
    return tuple(found)


def _at(spread: tuple[float, ...], share: float) -> float:
    return spread[round(share * (len(spread) - 1))]
