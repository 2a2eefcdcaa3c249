"""Which chunk is next, and which are far from all others, of chunks made up."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from tsmigrate.catalog.relation import Relation
from tsmigrate.status.due import next_chunk
from tsmigrate.status.facts import Chunk, Dimension, How, Hypertable, Policy, Span
from tsmigrate.status.outliers import outliers

DAY = 86_400.0
YEAR = 365 * DAY
NOW = 20_000 * DAY


def chunk(since: float, length: float = DAY, *, compressed: bool = False) -> Chunk:
    return Chunk(since, since + length, since + 2 * length, compressed, 1.0, None, 2)


def table(*chunks: Chunk, type_: str = "timestamp with time zone", interval: float = DAY) -> Hypertable:
    dimension = Dimension("at", type_, Span("", interval), None)
    return Hypertable(Relation("public", "t"), (dimension,), tuple(sorted(chunks, key=lambda c: c.since)), None, True)


def policy(kind: str, next_run: float | None = NOW + 600.0, **spans: float) -> Policy:
    return Policy(
        relation=Relation("public", "t"),
        kind=kind,
        how=How.NATIVE,
        job=1000,
        every=Span("1 hour", 3600.0),
        spans={name: Span("", amount) for name, amount in spans.items()},
        last_run=None,
        last_success=None,
        next_run=None if next_run is None else datetime.fromtimestamp(next_run, UTC),
        is_failing=False,
        failures=0,
        error=None,
        is_scheduled=True,
    )


def week(end: float = NOW) -> list[Chunk]:
    return [chunk(end - days * DAY) for days in range(7, 0, -1)]


def test_the_next_chunk_goes_at_the_first_run_at_which_it_is_old_enough() -> None:
    def told(given: Policy, *chunks: Chunk) -> tuple[Any, ...] | None:
        found = next_chunk(table(*chunks), given, NOW)
        return found and (found.chunk.since, found.is_due, found.at)

    oldest = NOW - 7 * DAY  # it ends a day later
    assert told(policy("retention", drop_after=6 * DAY), *week()) == (oldest, True, NOW + 600)
    assert told(policy("retention", drop_after=6 * DAY, next_run=None), *week()) == (oldest, True, None)
    assert told(policy("retention", drop_after=6 * DAY + 601), *week()) == (oldest, False, NOW + 4200)
    assert told(policy("retention", drop_created_before=5 * DAY), *week()) == (oldest, True, NOW + 600)
    assert told(policy("retention", drop_after=DAY)) is None
    assert told(policy("refresh", start_offset=DAY), *week()) is None
    compressed = [chunk(each.since, compressed=place < 3) for place, each in enumerate(week())]
    assert told(policy("columnstore policy", compress_after=3 * DAY), *compressed) == (NOW - 4 * DAY, True, NOW + 600)
    open_ended = chunk(float("-inf"))
    assert told(policy("retention", drop_after=6 * DAY), open_ended, *week()) == (oldest, True, NOW + 600)
    numbers = table(chunk(0, 10), chunk(10, 10), type_="bigint", interval=10)
    found = next_chunk(numbers, policy("retention", drop_after=100), NOW)
    assert found
    assert (found.chunk.since, found.reached, found.at) == (0, 110, None)


@pytest.mark.parametrize(
    ("chunks", "far"),
    [
        ([], 0),
        (week(), 0),
        ([chunk(0), *week()], 1),
        ([chunk(0), *week(), chunk(NOW + 7000 * YEAR)], 2),
        ([chunk(0), chunk(NOW)], 1),
        ([chunk(NOW), chunk(NOW + 9_000 * YEAR, float("inf"))], 1),
        ([chunk(NOW - 5 * YEAR - days * 300 * DAY) for days in range(10)], 0),  # sparse, and long ago
        ([chunk(NOW - 6 * YEAR + days * DAY) for days in range(300)] + [chunk(NOW - DAY)], 0),  # it rested
        ([*week(NOW - 5 * YEAR), *week(NOW - 4 * YEAR)], 0),  # a year between
    ],
)
def test_far_chunks_are_those_beyond_a_gap_of_years_that_is_wider_than_the_rest(chunks: list[Chunk], far: int) -> None:
    found = outliers(table(*chunks), NOW)
    assert len(found) == far
    assert all(before.until <= after.since for before, after in pairwise(found))


def test_numbers_are_far_beyond_a_thousand_chunks() -> None:
    near = [chunk(number * 10, 10) for number in range(50)]
    for other, far in ((10 * 600, 0), (10 * 5_000, 1), (-10 * 5_000, 1)):
        assert len(outliers(table(*near, chunk(other, 10), type_="bigint", interval=10), NOW)) == far
