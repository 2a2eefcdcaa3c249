"""Revision 0007: the switchboard's queries read the chunks of their own time only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text

from desk import Desk
from tsmigrate import connect

CHUNKS_READ = """
    SELECT count(*) FROM pg_stat_xact_all_tables
    WHERE relname LIKE '\\_hyper%chunk' AND coalesce(seq_scan, 0) + coalesce(idx_scan, 0) > 0
"""
CALLS = {
    "repeat lookup": "SELECT sms.is_repeat_message(id, '+13125550120', 'Hello') FROM sms.profiles LIMIT 1",
    "delivery-report resolution": "SELECT sms.resolve_delivery_reports()",
    "a new report": "INSERT INTO sms.delivery_reports (service_id, event_type, generated_at) "
    "VALUES ('SM1', 'delivered', now())",
}
LAST_DAYS = 12  # chunks: at most seven days of messages, and two weeks of reports


@pytest.fixture
def six_weeks(switchboard_at: Any) -> Any:
    """The traffic of six weeks until now, as hypertables."""
    return switchboard_at("0006", 500, until=datetime.now(UTC))


def chunks_read(switchboard: Any, call: str) -> int:
    with connect.connection(switchboard.database) as connection:
        connection.execute(text(call))
        return int(connection.execute(text(CHUNKS_READ)).scalar_one())


def test_before_it_every_chunk_is_read_and_after_it_those_of_the_last_days(six_weeks: Any) -> None:
    before = {name: chunks_read(six_weeks, call) for name, call in CALLS.items()}
    assert min(before.values()) > 30, before
    six_weeks.upgrade("0007")
    after = {name: chunks_read(six_weeks, call) for name, call in CALLS.items()}
    assert max(after.values()) <= LAST_DAYS, after


def test_a_backfill_reads_the_chunks_of_its_window(six_weeks: Any) -> None:
    six_weeks.upgrade("0007")
    window = "sms.backfill_delivery_reports(now() - interval '36 days', now() - interval '35 days')"
    assert 0 < chunks_read(six_weeks, f"SELECT {window}") <= 10


@pytest.fixture
def desk(switchboard_at: Any) -> Iterator[Desk]:
    with connect.connection(switchboard_at("0008").database) as connection:
        yield Desk.at(connection, names_time=True)


def test_a_report_that_comes_after_days_is_resolved_by_a_backfill_of_its_window(desk: Desk) -> None:
    message = desk.send(ago="20 days")
    assert desk.report("SM1", ago="15 days") is None
    desk.accept(message, "SM1")
    assert desk.ask("SELECT sms.resolve_delivery_reports()") == 0
    window = "SELECT sms.backfill_delivery_reports(now() - interval '16 days', now() - interval '14 days')"
    assert desk.ask(window) == 1
    assert desk.ask("SELECT message_id FROM sms.delivery_reports") == message
    assert desk.ask(window) == 0


def test_the_view_shows_what_the_cache_holds(six_weeks: Any) -> None:
    six_weeks.upgrade("0007")
    with connect.connection(six_weeks.database) as connection:
        assert rows(connection, "sms.phone_commitments") == rows(connection, "sms.fresh_phone_commitments")


def rows(connection: Connection, relation: str) -> list[Any]:
    return list(connection.execute(text(f"SELECT * FROM {relation} ORDER BY 1, 2")))
