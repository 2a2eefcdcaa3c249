"""One profile with one number at the switchboard, and what its software does."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

OURS, THEIRS = "+12125550100", "+13125550120"


@dataclass(frozen=True)
class Desk:
    """A connection to act with. `names_time`: routing and telco rows have the message's time, and come with it."""

    connection: Connection
    profile: UUID
    names_time: bool

    @classmethod
    def at(cls, connection: Connection, *, names_time: bool) -> Desk:
        profile = connection.execute(text(_ACCOUNT), {"ours": OURS}).scalar_one()
        return cls(connection, profile, names_time)

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
        column, value = (", original_created_at", ", created_at") if self.names_time else ("", "")
        self.connection.execute(
            text(
                f"INSERT INTO sms.outbound_messages_telco (id, service_id{column}) "
                f"SELECT id, :service_id{value} FROM sms.outbound_messages WHERE id = :id"
            ),
            {"id": message, "service_id": service_id},
        )

    def report(self, service_id: str, *, ago: str = "0") -> object:
        """The carrier reports; the answer is the message it was resolved to."""
        return self.ask(
            """
            INSERT INTO sms.delivery_reports (service_id, event_type, generated_at, created_at)
            VALUES (:service_id, 'delivered', now() - CAST(:ago AS interval), now() - CAST(:ago AS interval))
            RETURNING message_id
            """,
            service_id=service_id,
            ago=ago,
        )

    def is_repeat(self, *, body: str = "Hello", to: str = THEIRS, recent: str = "1 hour") -> object:
        query = "SELECT sms.is_repeat_message(:profile, :to, :body, CAST(:recent AS interval))"
        return self.ask(query, profile=self.profile, to=to, body=body, recent=recent)

    def is_overloaded(self, number: str = OURS, *, ago: str = "0") -> object:
        query = "SELECT sms.is_phone_number_overloaded(:number, now() - CAST(:ago AS interval))"
        return self.ask(query, number=number, ago=ago)


_ACCOUNT = """
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
