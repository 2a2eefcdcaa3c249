"""The pre-flight of the tables to convert: bounded, and at one with the plan."""

from __future__ import annotations

import pytest

from advise_support import EVENTS, FILL, Desk
from tsmigrate import connect
from tsmigrate.advise import obstacles
from tsmigrate.advise.advice import advise
from tsmigrate.advise.gather import gather
from tsmigrate.finding import Finding


def findings(desk: Desk, *, fast: bool = False) -> dict[str, tuple[Finding, ...]]:
    with connect.connection(desk.database) as connection:
        evidence = gather(connection, lambda _step: None)
        found = obstacles.obstacles(connection, advise(evidence), lambda _step: None, fast=fast, limit=None)
    return {evidence.tables[oid].relation.name: told for oid, told in found.of_table.items()}


def test_a_statement_that_takes_too_long_leaves_the_statistics_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run(EVENTS, FILL, "DROP INDEX events_created_at")
    # Reading this table takes longer than it may.
    desk.run("INSERT INTO events SELECT -n, now() - n * interval '1 s', 1, 1 FROM generate_series(1, 400000) n")
    desk.large("events")
    monkeypatch.setattr(obstacles, "A_STATEMENT", 0.04)
    told = {finding.check: finding for finding in findings(desk)["events"]}
    assert "rows not read" in told
    assert "statement timeout" in told["rows not read"].seen
    assert "key columns" in told
    assert "looked" not in told


def test_fast_reads_no_rows(desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    seen = {finding.check: finding.seen for finding in findings(desk, fast=True)["events"]}
    assert "one scan" not in seen.get("looked", "")
    assert "rows not read" not in seen


def test_what_the_plan_says_of_a_key_between_two_hypertables_is_not_contradicted(desk: Desk) -> None:
    desk.run(
        EVENTS,
        FILL,
        EVENTS.replace("events", "parts").replace("device int", "device bigint REFERENCES events"),
        "INSERT INTO parts SELECT id, created_at, id, 1 FROM events",
    )
    desk.large("events")
    desk.large("parts")
    told = findings(desk)
    assert set(told) == {"events", "parts"}
    for of_table in told.values():
        assert "parts_device_fkey" not in " ".join(
            finding.seen for finding in of_table if finding.check in {"foreign key fate", "foreign keys out"}
        )
