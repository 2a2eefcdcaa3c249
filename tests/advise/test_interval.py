"""The memory rule over all tables together, and the number of chunks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advise_support import EVENTS, FILL, Desk, said
from tsmigrate.advise.advice import Advice, Plan, advise
from tsmigrate.advise.judge.interval import LENGTHS

GB = 1024**3


def plan(advice: Advice) -> Plan:
    assert advice.plan is not None
    return advice.plan


def test_indexes_of_two_chunks_fit_into_a_quarter_of_memory_and_no_longer_interval_does(desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    evidence = desk.evidence()
    [table] = evidence.tables.values()
    evidence = replace(evidence, tables={table.oid: replace(table, index_bytes=10 * GB)})
    [advice] = advise(evidence, 8 * GB)
    assert advice.growth is not None
    a_day = advice.growth.index_bytes_a_day
    chosen = LENGTHS[plan(advice).interval.text] / 86400
    longer = [length / 86400 for length in LENGTHS.values() if length > LENGTHS[plan(advice).interval.text]]
    assert 2 * a_day * chosen <= 2 * GB
    assert all(2 * a_day * length > 2 * GB for length in longer)
    [much] = advise(evidence, 1024 * GB)
    assert plan(much).interval.text == "30 days"
    [little] = advise(evidence, 1024)
    assert plan(little).interval.text == "1 hour"
    assert "even an hour is above 25 %" in said(plan(little).interval.reasons)


def test_two_tables_share_the_memory(desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.run(EVENTS.replace("events", "others"), FILL.replace("events", "others"))
    desk.large("events")
    desk.large("others")
    evidence = desk.evidence()
    both = replace(evidence, tables={oid: replace(each, index_bytes=10 * GB) for oid, each in evidence.tables.items()})
    alone = replace(both, tables=dict(list(both.tables.items())[:1]))
    together = {plan(advice).interval.seconds for advice in advise(both, 8 * GB)}
    [apart] = advise(alone, 8 * GB)
    assert len(together) == 1
    assert together < {plan(apart).interval.seconds, *together}
    assert max(together) < plan(apart).interval.seconds
    assert "of all 2 tables to convert" in said(plan(advise(both, 8 * GB)[0]).interval.reasons)


def test_chunks_are_counted_by_the_histogram_now_and_in_a_year(desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    chunks = plan(desk.advice(1024 * GB)["events"]).chunks
    assert chunks is not None
    # 104 days in chunks of 30, and 365 more
    assert chunks.now in (4, 5)
    assert chunks.in_a_year - chunks.now == 13
    assert chunks.rows_each == pytest.approx(30 * 480_000, rel=0.1)


def test_a_date_has_chunks_of_whole_days(desk: Desk) -> None:
    desk.run(
        "CREATE TABLE events (day date NOT NULL DEFAULT current_date, value int)",
        "CREATE INDEX events_day ON events (day)",
        "INSERT INTO events SELECT current_date - n / 50, n FROM generate_series(1, 5000) n",
    )
    desk.large("events")
    assert plan(desk.advice(1024)["events"]).interval.text == "1 day"
