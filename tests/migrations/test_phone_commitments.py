"""The cache of phone commitments, which triggers keep equal to the messages."""

from __future__ import annotations

import pytest
import sample_rows
from sqlalchemy import Connection, text

from desk import OURS, THEIRS, Desk

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


@pytest.fixture
def desk(plain: Connection) -> Desk:
    return Desk.at(plain, names_time=False)


def differences(desk: Desk) -> list[object]:
    return list(desk.connection.execute(text(CACHE_AND_MESSAGES_DIFFER)))


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
    assert differences(desk) == []
    desk.connection.execute(text(change))
    assert differences(desk) == []


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
    assert differences(desk) == []


def test_the_cache_equals_a_query_over_the_sample_messages(plain: Connection) -> None:
    sample_rows.load(plain, 2_000)
    assert list(plain.execute(text(CACHE_AND_MESSAGES_DIFFER))) == []
    assert plain.execute(text("SELECT count(*) FROM sms.fresh_phone_commitments")).scalar_one() > 0
