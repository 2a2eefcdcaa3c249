"""The newest chunks with their rows, as the histogram spreads them: for a picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from tsmigrate.advise.judge.growth import Growth
from tsmigrate.advise.judge.interval import Interval

MOST = 60


@dataclass(frozen=True)
class Chunk:
    begin: float  # seconds since 1970
    rows: float


def newest_chunks(grown: Growth, chosen: Interval, rows: int) -> list[Chunk]:
    length = chosen.seconds
    last = int(grown.newest // length)
    first = max(int(grown.oldest // length), last - MOST + 1)
    counted: Counter[int] = Counter()
    share = rows / max(1, len(grown.spread) - 1)
    for before, after in pairwise(grown.spread):
        for number in range(max(first, int(before // length)), int(after // length) + 1):
            begin, end = max(before, number * length), min(after, (number + 1) * length)
            counted[number] += round(share * ((end - begin) / (after - before) if after > before else 1) * 1000)
    return [Chunk(number * length, counted[number] / 1000) for number in range(first, last + 1)]
