"""Convert, consider or leave: each with the sentence that says why."""

from __future__ import annotations

import pytest

from advise_support import EVENTS, FILL, FIVE_THOUSAND, Desk, said
from tsmigrate.advise.judge.verdict import Choice
from tsmigrate.capability import Edition


def test_a_large_table_that_grows_by_an_indexed_time_is_to_be_converted(desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    advice = desk.advice()["events"]
    assert advice.verdict.choice is Choice.CONVERT
    assert "it holds 50 million rows" in said(advice.verdict.reasons)
    assert advice.plan is not None
    assert advice.plan.column == "created_at"
    # 48 of every 5,000 rows a day, of 50 million
    assert advice.growth is not None
    assert advice.growth.rows_a_day == pytest.approx(480_000, rel=0.1)


# What a table is, and what is said of it.
CASES: dict[str, tuple[str, Choice, str]] = {
    "empty": (EVENTS, Choice.LEAVE, "it is empty"),
    "small and slow": (
        EVENTS + f"INSERT INTO events SELECT n, now() - n * interval '1 day' FROM {FIVE_THOUSAND}; ANALYZE events",
        Choice.LEAVE,
        "a plain table does as well",
    ),
    "small, and large in a year": (
        EVENTS + f"INSERT INTO events SELECT n, now() - n * interval '1 minute' FROM {FIVE_THOUSAND}; ANALYZE events;"
        "UPDATE pg_class SET reltuples = 500000 WHERE relname = 'events'",
        Choice.CONSIDER,
        "in a year, and to convert a small table is the easiest",
    ),
    "without a time": (
        f"CREATE TABLE events AS SELECT n FROM {FIVE_THOUSAND}",
        Choice.LEAVE,
        "no column of a time type",
    ),
    "with a time that may be missing": (
        f"CREATE TABLE events AS SELECT n, CASE WHEN n % 2 = 0 THEN now() - n * interval '1 day' END AS sent_at FROM "
        f"{FIVE_THOUSAND}; ANALYZE events; UPDATE pg_class SET reltuples = 1e7 WHERE relname = 'events'",
        Choice.LEAVE,
        "no column of a time type",
    ),
    "that no longer grows": (
        EVENTS + f"INSERT INTO events SELECT n, '2020-01-01'::timestamptz + n * interval '1 hour' FROM {FIVE_THOUSAND};"
        "ANALYZE events; UPDATE pg_class SET reltuples = 1e7 WHERE relname = 'events'",
        Choice.CONSIDER,
        "it no longer grows",
    ),
    "with a key without time": (
        EVENTS + FILL + "ALTER TABLE events ADD UNIQUE (device, value);"
        "ANALYZE events; UPDATE pg_class SET reltuples = 1e7 WHERE relname = 'events'",
        Choice.CONSIDER,
        "what is unique without created_at can no longer be enforced: events_device_value_key (device, value)",
    ),
    "partitioned": (
        "CREATE TABLE events (ts timestamptz) PARTITION BY RANGE (ts);"
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');"
        "UPDATE pg_class SET reltuples = 1e7 WHERE relname = 'events'",
        Choice.CONSIDER,
        "it is partitioned already",
    ),
    "with children by inheritance": (
        "CREATE TABLE events (ts timestamptz); CREATE TABLE child () INHERITS (events)",
        Choice.LEAVE,
        "by inheritance",
    ),
    "a hypertable": (
        "CREATE TABLE events (ts timestamptz NOT NULL); SELECT create_hypertable('events', 'ts');"
        "INSERT INTO events VALUES ('2026-01-01'), ('2026-03-01')",
        Choice.LEAVE,
        "it is a hypertable already: by ts, 2 chunks of 7 days",
    ),
    "foreign": (
        "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;"
        "CREATE FOREIGN TABLE events (ts timestamptz) SERVER nowhere",
        Choice.LEAVE,
        "it is a foreign table",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_verdict_says_why(desk: Desk, name: str) -> None:
    script, choice, text = CASES[name]
    desk.run(*filter(None, map(str.strip, script.split(";"))))
    advice = desk.advice()["events"]
    assert (advice.verdict.choice, text in said(advice.verdict.reasons)) == (choice, True), advice.verdict
    assert (advice.plan is None) == (choice is not Choice.CONVERT)


def test_a_large_table_without_statistics_is_told_to_be_analyzed(desk: Desk) -> None:
    desk.run(
        "CREATE TABLE events (ts timestamptz NOT NULL, note text) WITH (autovacuum_enabled = false)",
        f"INSERT INTO events SELECT now(), repeat('x', 1900) FROM {FIVE_THOUSAND}",
        f"INSERT INTO events SELECT now(), repeat('x', 1900) FROM {FIVE_THOUSAND}",
    )
    advice = desk.advice()["events"]
    assert advice.verdict.choice is Choice.CONSIDER
    assert "was never analyzed: run ANALYZE public.events" in said(advice.verdict.reasons)


def test_partitions_and_chunks_are_not_tables_of_their_own(desk: Desk) -> None:
    desk.run(*filter(None, map(str.strip, CASES["partitioned"][0].split(";"))))
    desk.run(
        "CREATE TABLE h (ts timestamptz NOT NULL)",
        "SELECT create_hypertable('h', 'ts')",
        "INSERT INTO h VALUES (now())",
    )
    assert set(desk.advice()) == {"events", "h"}


def test_a_hypertable_that_differs_from_the_advice_is_told_so(desk: Desk, edition: Edition) -> None:
    """Too many chunks for so little, too long ones for the memory, no columnstore, and another column."""
    desk.run(
        "CREATE TABLE events (created_at timestamptz NOT NULL, device int, updated_at timestamptz NOT NULL)",
        "CREATE INDEX ON events (created_at)",
        "SELECT create_hypertable('events', 'updated_at', chunk_time_interval => interval '1 hour')",
        "INSERT INTO events SELECT t, 1, t FROM generate_series('2026-01-01'::timestamptz, '2026-01-02', '1 min') t",
        "ANALYZE events",
    )
    advice = desk.advice()["events"]
    assert advice.verdict.choice is Choice.LEAVE
    assert (advice.table.known_rows, advice.table.size > 100_000) == (1441, True)
    told = said(advice.drift)
    assert "it is partitioned by updated_at; more speaks for created_at" in told
    assert "30 days would do, with fewer chunks than 25" in told
    assert ("none of its 25 chunks can go into the columnstore" in told) == (edition is Edition.COMMUNITY)
    assert "1 hour would be advised" not in told
    desk.run("SELECT set_chunk_time_interval('events', interval '30 days')")
    assert "1 hour would be advised (op.set_chunk_interval)" in said(desk.advice(memory=1024)["events"].drift)
