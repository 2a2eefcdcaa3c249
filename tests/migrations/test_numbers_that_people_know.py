"""Revision 0014: prev_mapping, which two triggers keep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tsmigrate import connect

BEFORE, REVISION = "0008", "0014"
LATEST = """
    SELECT DISTINCT ON (sending_location_id, to_number) sending_location_id, to_number, from_number, created_at
    FROM sms.outbound_messages AS message
    WHERE sending_location_id IS NOT NULL
        AND EXISTS (SELECT FROM sms.phone_numbers WHERE phone_number = from_number AND released_at IS NULL)
    ORDER BY sending_location_id, to_number, created_at DESC
"""


@pytest.fixture
def busy(switchboard_at: Any) -> Iterator[Connection]:
    """The switchboard with messages from before the revision."""
    switchboard = switchboard_at(REVISION, 500, until=datetime.now(UTC))
    with connect.connection(switchboard.database) as connection:
        yield connection


def mappings(connection: Connection) -> list[Any]:
    return list(connection.execute(text("SELECT * FROM sms.prev_mapping ORDER BY 1, 2")))


def test_it_begins_with_what_the_messages_say(busy: Connection) -> None:
    assert mappings(busy) == list(busy.execute(text(LATEST)))
    assert len(mappings(busy)) > 50


def send(connection: Connection, ago: str, number: str | None, body: str = "Hello") -> None:
    """From the first location to one person."""
    connection.execute(
        text(
            "INSERT INTO sms.outbound_messages (created_at, profile_id, sending_location_id, from_number, to_number, "
            "body) SELECT now() - CAST(:ago AS interval), profile_id, id, :number, '+13125550199', :body "
            "FROM sms.sending_locations ORDER BY id LIMIT 1"
        ),
        {"ago": ago, "number": number, "body": body},
    )


def known(connection: Connection) -> str | None:
    query = "SELECT from_number FROM sms.prev_mapping WHERE to_number = '+13125550199'"
    return connection.execute(text(query)).scalar_one_or_none()


def test_the_latest_message_decides_in_whatever_order_they_come(busy: Connection) -> None:
    send(busy, "2 hours", "+12125550101")
    send(busy, "1 hour", "+12125550102")
    send(busy, "3 hours", "+12125550103")
    assert known(busy) == "+12125550102"


def test_a_message_counts_once_it_has_a_number(busy: Connection) -> None:
    send(busy, "1 hour", None)
    assert known(busy) is None
    busy.execute(text("UPDATE sms.outbound_messages SET from_number = '+12125550104' WHERE to_number = '+13125550199'"))
    assert known(busy) == "+12125550104"


def test_a_number_that_is_released_is_forgotten(busy: Connection) -> None:
    ours = busy.execute(text("SELECT from_number FROM sms.prev_mapping LIMIT 1")).scalar_one()
    location = busy.execute(
        text("SELECT sending_location_id FROM sms.prev_mapping WHERE from_number = :ours LIMIT 1"), {"ours": ours}
    ).scalar_one()
    released = "UPDATE sms.phone_numbers SET released_at = now() WHERE phone_number = :ours AND released_at IS NULL"
    busy.execute(text(released), {"ours": ours})
    left = "SELECT count(*) FROM sms.prev_mapping WHERE from_number = :ours AND sending_location_id = :location"
    assert busy.execute(text(left), {"ours": ours, "location": location}).scalar_one() == 0
