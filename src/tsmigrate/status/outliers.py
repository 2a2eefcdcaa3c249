"""Chunks far from all others in time: the marks of default dates, of wrong clocks and of wrong units."""

from __future__ import annotations

from collections.abc import Sequence

from tsmigrate.status.facts import Chunk, Hypertable

_YEAR = 365 * 86_400
_FAR = 2 * _YEAR  # of a gap in time; nobody's table rests so long as a matter of course
_INTERVALS = 1_000  # of a gap in numbers


def outliers(hypertable: Hypertable, now: float) -> list[Chunk]:
    """Those beyond a gap that is wide, and wider than all that the others span together; and those without an end.

    Chunks about the present are never far: a table may have rested.
    """
    # What `infinity` is in, or the last moment that the type knows.
    endless = [chunk for chunk in hypertable.chunks if not chunk.is_bounded]
    chunks = [chunk for chunk in hypertable.chunks if chunk.is_bounded]
    return sorted([*endless, *_far(chunks, hypertable, now)], key=lambda chunk: chunk.since)


def _far(chunks: Sequence[Chunk], hypertable: Hypertable, now: float) -> Sequence[Chunk]:
    if len(chunks) < 2:
        return []
    first, last = _body(chunks, _wide(hypertable), None if hypertable.by_number else now)
    far = [*chunks[:first], *chunks[last + 1 :]]
    if hypertable.by_number:
        return far
    return [chunk for chunk in far if not chunk.since - _YEAR <= now <= chunk.until + _YEAR]


def _wide(hypertable: Hypertable) -> float:
    interval = hypertable.dimensions[0].interval
    length = interval.amount if interval and interval.amount else 0.0
    return _INTERVALS * length if hypertable.by_number else max(_FAR, 10 * length)


def _body(chunks: Sequence[Chunk], wide: float, now: float | None) -> tuple[int, int]:
    """The places of the first and the last chunk that belong together.

    They are those around the middle one or, of two, around the one nearer to the present.
    """
    middle = len(chunks) // 2
    if len(chunks) == 2 and now is not None:
        middle = min((0, 1), key=lambda place: abs(chunks[place].since - now))
    first = last = middle
    while True:
        span = chunks[last].until - chunks[first].since
        allowed = max(wide, span)
        if first and chunks[first].since - chunks[first - 1].until < allowed:
            first -= 1
        elif last + 1 < len(chunks) and chunks[last + 1].since - chunks[last].until < allowed:
            last += 1
        else:
            return first, last
