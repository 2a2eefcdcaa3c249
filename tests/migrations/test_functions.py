"""What the functions and triggers of the switchboard promise, in plain PostgreSQL and on hypertables alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from desk import THEIRS, Desk
from tsmigrate import connect


@pytest.fixture(params=["plain", "hypertables"])
def desk(request: pytest.FixtureRequest, switchboard_at: Any) -> Iterator[Desk]:
    switchboard = switchboard_at({"plain": "0001", "hypertables": "head"}[request.param])
    with connect.connection(switchboard.database) as connection:
        yield Desk.at(connection, names_time=request.param == "hypertables")


def test_a_report_finds_its_message_by_the_carriers_id(desk: Desk) -> None:
    message, other = desk.send(), desk.send()
    desk.accept(message, "SM1")
    desk.accept(other, "SM2")
    assert desk.report("SM1") == message


def test_a_report_that_comes_too_early_is_kept_and_resolved_later(desk: Desk) -> None:
    message = desk.send()
    assert desk.report("SM1") is None
    desk.accept(message, "SM1")
    assert desk.ask("SELECT sms.resolve_delivery_reports()") == 1
    assert desk.ask("SELECT message_id FROM sms.delivery_reports") == message
    assert desk.ask("SELECT sms.resolve_delivery_reports()") == 0


def test_reports_that_never_resolve_do_not_hold_up_the_others(desk: Desk) -> None:
    for number in range(3):
        assert desk.report(f"foreign {number}") is None
    message = desk.send()
    assert desk.report("SM1") is None
    desk.accept(message, "SM1")
    assert desk.ask("SELECT sms.resolve_delivery_reports(1)") == 1


def test_the_same_body_to_the_same_number_is_a_repeat(desk: Desk) -> None:
    assert desk.is_repeat() is False
    desk.send(ago="30 minutes")
    assert desk.is_repeat() is True
    assert desk.is_repeat(body="Hello!") is False
    assert desk.is_repeat(to="+13125550121") is False


def test_an_old_or_failed_message_does_not_count_as_a_repeat(desk: Desk) -> None:
    desk.send(ago="2 hours")
    desk.send(stage="failed")
    assert desk.is_repeat() is False
    assert desk.is_repeat(recent="3 hours") is True


def test_another_profile_may_say_the_same(desk: Desk) -> None:
    desk.send()
    query = "SELECT sms.is_repeat_message(gen_random_uuid(), :to, 'Hello')"
    assert desk.ask(query, to=THEIRS) is False


def test_a_number_is_overloaded_once_its_segments_of_the_day_reach_the_limit(desk: Desk) -> None:
    desk.send(segments=2)
    assert desk.is_overloaded() is False
    desk.send(segments=1)
    assert desk.is_overloaded() is True
    assert desk.is_overloaded(ago="1 day") is False


def test_a_number_that_is_not_ours_is_never_overloaded(desk: Desk) -> None:
    desk.send(segments=3)
    assert desk.is_overloaded(THEIRS) is False
    desk.connection.execute(text("UPDATE sms.phone_numbers SET released_at = now()"))
    assert desk.is_overloaded() is False
