"""What the functions and triggers of the plain switchboard promise."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest
import sample_rows
from sqlalchemy import Connection, text

OURS, THEIRS = "+12125550100", "+13125550120"

# By the triggers on the left, by a query on the right; rows of only one of them are wrong.
CACHE_AND_MESSAGES_DIFFER = """
    WITH asked AS (
        SELECT date_trunc('day', created_at, 'UTC'), from_number, count(*), sum(estimated_segments)
        FROM sms.outbound_messages WHERE from_number IS NOT NULL GROUP BY 1, 2
    )
    (TABLE sms.fresh_phone_commitments EXCEPT ALL TABLE asked)
    UNION ALL
    (TABLE asked EXCEPT ALL TABLE sms.fresh_phone_commitments)
"""


@dataclass(frozen=True)
class Desk:
    """One profile with one number, and a connection to act with."""

    connection: Connection
    profile: UUID

    def ask(self, query: str, **values: object) -> object:
        return self.connection.execute(text(query), values).scalar_one()

    def send(self, *, body: str = "Hello", ago: str = "0", stage: str = "sent", segments: int = 1) -> UUID:
        message = self.ask(
            """
            INSERT INTO sms.outbound_messages
                (created_at, profile_id, from_number, to_number, body, stage, estimated_segments)
            VALUES (now() - CAST(:ago AS interval), :profile, :ours, :theirs, :body,
                    CAST(:stage AS sms.message_stage), :segments)
            RETURNING id
            """,
            **{"ago": ago, "profile": self.profile, "ours": OURS, "theirs": THEIRS},
            **{"body": body, "stage": stage, "segments": segments},
        )
        assert isinstance(message, UUID)
        return message

    def accept(self, message: UUID, service_id: str) -> None:
        """The carrier takes the message and gives it an id of its own."""
        self.connection.execute(
            text("INSERT INTO sms.outbound_messages_telco (id, service_id) VALUES (:id, :service_id)"),
            {"id": message, "service_id": service_id},
        )

    def report(self, service_id: str) -> object:
        """The carrier reports; the answer is the message it was resolved to."""
        return self.ask(
            """
            INSERT INTO sms.delivery_reports (service_id, event_type, generated_at)
            VALUES (:service_id, 'delivered', now()) RETURNING message_id
            """,
            service_id=service_id,
        )

    def is_repeat(self, *, body: str = "Hello", to: str = THEIRS, recent: str = "1 hour") -> object:
        query = "SELECT sms.is_repeat_message(:profile, :to, :body, CAST(:recent AS interval))"
        return self.ask(query, profile=self.profile, to=to, body=body, recent=recent)

    def is_overloaded(self, number: str = OURS, *, ago: str = "0") -> object:
        query = "SELECT sms.is_phone_number_overloaded(:number, now() - CAST(:ago AS interval))"
        return self.ask(query, number=number, ago=ago)

    def differences(self) -> list[object]:
        return list(self.connection.execute(text(CACHE_AND_MESSAGES_DIFFER)))


@pytest.fixture
def desk(plain: Connection) -> Desk:
    profile = plain.execute(
        text(
            """
            WITH profile AS (
                INSERT INTO sms.profiles (display_name, reply_webhook_url, status_webhook_url, daily_segment_limit)
                VALUES ('Test', 'https://example.org/replies', 'https://example.org/status', 3) RETURNING id
            ), location AS (
                INSERT INTO sms.sending_locations (profile_id, reference_name, center)
                SELECT id, 'Here', '10001' FROM profile RETURNING id
            ), owned AS (
                INSERT INTO sms.phone_numbers (sending_location_id, phone_number) SELECT id, :ours FROM location
            )
            SELECT id FROM profile
            """
        ),
        {"ours": OURS},
    ).scalar_one()
    return Desk(plain, profile)


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


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sms.outbound_messages SET from_number = NULL, stage = 'awaiting_number'",
        "UPDATE sms.outbound_messages SET from_number = to_number",
        "UPDATE sms.outbound_messages SET estimated_segments = 5",
        "UPDATE sms.outbound_messages SET created_at = created_at - interval '1 day'",
        "UPDATE sms.outbound_messages SET body = 'Other'",
        "DELETE FROM sms.outbound_messages",
    ],
)
def test_the_cache_follows_every_change_of_a_message(desk: Desk, change: str) -> None:
    desk.send(segments=2)
    desk.send(segments=1, ago="2 days")
    assert desk.differences() == []
    desk.connection.execute(text(change))
    assert desk.differences() == []


def test_a_message_counts_from_the_moment_it_has_a_number(desk: Desk) -> None:
    desk.connection.execute(
        text(
            "INSERT INTO sms.outbound_messages (profile_id, to_number, body, estimated_segments) "
            "VALUES (:profile, :to, 'Hello', 3)"
        ),
        {"profile": desk.profile, "to": THEIRS},
    )
    assert desk.is_overloaded() is False
    desk.connection.execute(text("UPDATE sms.outbound_messages SET from_number = :ours"), {"ours": OURS})
    assert desk.is_overloaded() is True
    assert desk.differences() == []


def test_the_cache_equals_a_query_over_the_sample_messages(plain: Connection) -> None:
    sample_rows.load(plain, 2_000)
    assert list(plain.execute(text(CACHE_AND_MESSAGES_DIFFER))) == []
    assert plain.execute(text("SELECT count(*) FROM sms.fresh_phone_commitments")).scalar_one() > 0
