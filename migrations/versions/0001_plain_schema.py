"""The switchboard as it grew in plain PostgreSQL: tables, functions and triggers

Revises:
"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from tsmigrate.sql import literal, qualified, raw

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
FUNCTIONS = Path(__file__).parents[1] / "sql" / revision
MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")
E164 = "'^[+][1-9][0-9]{6,14}$'"
STAGES = ("queued", "processing", "awaiting_number", "sending", "sent", "failed")
STATUSES = ("queued", "sending", "sent", "delivered", "sending_failed", "delivery_failed", "delivery_unconfirmed")
STAGE = postgresql.ENUM(*STAGES, name="message_stage", schema=SCHEMA, create_type=False)
STATUS = postgresql.ENUM(*STATUSES, name="telco_status", schema=SCHEMA, create_type=False)


def upgrade() -> None:
    op.execute(raw("CREATE SCHEMA sms"))
    create_enum("message_stage", STAGES)
    create_enum("telco_status", STATUSES)
    create_accounts()
    create_outbound_messages()
    create_routing_and_telco()
    create_inbound_messages()
    create_delivery_reports()
    create_forward_attempts()
    create_phone_commitments()
    for file in sorted(FUNCTIONS.glob("*.sql")):
        op.execute(raw(file.read_text().rstrip().removesuffix(";")))


def downgrade() -> None:
    op.execute(raw("DROP FUNCTION sms.is_phone_number_overloaded(text, timestamptz)"))
    op.execute(raw("DROP FUNCTION sms.is_repeat_message(uuid, text, text, interval)"))
    op.execute(raw("DROP FUNCTION sms.resolve_delivery_reports(integer)"))
    op.drop_table("fresh_phone_commitments", schema=SCHEMA)
    op.drop_table("delivery_report_forward_attempts", schema=SCHEMA)
    op.drop_table("inbound_message_forward_attempts", schema=SCHEMA)
    op.drop_table("delivery_reports", schema=SCHEMA)
    op.drop_table("inbound_messages", schema=SCHEMA)
    op.drop_table("outbound_messages_telco", schema=SCHEMA)
    op.drop_table("outbound_messages_routing", schema=SCHEMA)
    op.drop_table("outbound_messages", schema=SCHEMA)
    op.drop_table("phone_numbers", schema=SCHEMA)
    op.drop_table("sending_locations", schema=SCHEMA)
    op.drop_table("profiles", schema=SCHEMA)
    op.execute(raw("DROP FUNCTION sms.tg_resolve_delivery_report()"))
    op.execute(raw("DROP FUNCTION sms.tg_keep_phone_commitments()"))
    op.execute(raw("DROP TYPE sms.telco_status"))
    op.execute(raw("DROP TYPE sms.message_stage"))
    op.execute(raw("DROP SCHEMA sms"))


def create_enum(name: str, values: Sequence[str]) -> None:
    op.execute(raw(f"CREATE TYPE {qualified(name, SCHEMA)} AS ENUM ({', '.join(map(literal, values))})"))


def uuid_key() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()"))


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, MOMENT, nullable=nullable, server_default=None if nullable else NOW)


def reference(name: str, to: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid, sa.ForeignKey(f"{SCHEMA}.{to}.id"), nullable=nullable)


def create_index(table: str, name: str, columns: Sequence[str], *, where: str | None = None) -> None:
    """An index whose columns may be expressions."""
    expressions = [sa.text(column) for column in columns]
    condition = sa.text(where) if where else None
    op.create_index(f"{table}_{name}_idx", table, expressions, schema=SCHEMA, postgresql_where=condition)


def create_accounts() -> None:
    op.create_table(
        "profiles",
        uuid_key(),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False, server_default="10dlc"),
        sa.Column("reply_webhook_url", sa.Text, nullable=False),
        sa.Column("status_webhook_url", sa.Text, nullable=False),
        sa.Column("daily_segment_limit", sa.Integer, nullable=False, server_default="200"),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        moment("created_at"),
        sa.CheckConstraint("channel IN ('10dlc', 'toll_free', 'short_code')", name="profiles_channel_check"),
        sa.CheckConstraint("daily_segment_limit > 0", name="profiles_daily_segment_limit_check"),
        schema=SCHEMA,
        comment="Who texts: one campaign or organisation",
    )
    op.create_table(
        "sending_locations",
        uuid_key(),
        reference("profile_id", "profiles"),
        sa.Column("reference_name", sa.Text, nullable=False),
        sa.Column("center", sa.Text, nullable=False, comment="ZIP code whose area codes are bought first"),
        sa.Column("area_codes", postgresql.ARRAY(sa.Text), nullable=False, server_default="{}"),
        moment("created_at"),
        moment("decommissioned_at", nullable=True),
        sa.UniqueConstraint("profile_id", "reference_name"),
        sa.CheckConstraint("center ~ '^[0-9]{5}$'", name="sending_locations_center_check"),
        schema=SCHEMA,
        comment="Where a profile texts from",
    )
    op.create_table(
        "phone_numbers",
        uuid_key(),
        reference("sending_location_id", "sending_locations"),
        sa.Column("phone_number", sa.Text, nullable=False),
        moment("created_at"),
        moment("cordoned_at", nullable=True),
        moment("released_at", nullable=True),
        sa.CheckConstraint(f"phone_number ~ {E164}", name="phone_numbers_phone_number_check"),
        schema=SCHEMA,
        comment="Numbers of ours; one that was released may be bought again",
    )
    op.create_index(
        "phone_numbers_owned_key",
        "phone_numbers",
        ["phone_number"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    create_index("phone_numbers", "sending_location_id", ["sending_location_id"], where="released_at IS NULL")


def create_outbound_messages() -> None:
    op.create_table(
        "outbound_messages",
        uuid_key(),
        moment("created_at"),
        reference("profile_id", "profiles"),
        reference("sending_location_id", "sending_locations", nullable=True),
        sa.Column("from_number", sa.Text, comment="Ours; empty until the message is routed"),
        sa.Column("to_number", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("media_urls", postgresql.ARRAY(sa.Text)),
        sa.Column("stage", STAGE, nullable=False, server_default="queued"),
        sa.Column("estimated_segments", sa.Integer, nullable=False, server_default="1"),
        moment("send_before", nullable=True),
        sa.CheckConstraint(f"to_number ~ {E164}", name="outbound_messages_to_number_check"),
        sa.CheckConstraint("body <> '' OR media_urls IS NOT NULL", name="outbound_messages_content_check"),
        sa.CheckConstraint("estimated_segments > 0", name="outbound_messages_estimated_segments_check"),
        sa.CheckConstraint("stage <> 'sent' OR from_number IS NOT NULL", name="outbound_messages_sent_from_check"),
        schema=SCHEMA,
        comment="Every text that a profile asked us to send",
    )
    create_index("outbound_messages", "profile_id", ["profile_id"])  # older than the next one, which covers it
    create_index("outbound_messages", "profile_id_created_at", ["profile_id", "created_at DESC"])
    create_index("outbound_messages", "id_created_at", ["id", "created_at"])  # for joins that want the time only
    create_index("outbound_messages", "repeat", ["profile_id", "to_number", "md5(body)"], where="stage <> 'failed'")
    create_index("outbound_messages", "unsent", ["created_at"], where="stage IN ('queued', 'awaiting_number')")


def create_routing_and_telco() -> None:
    op.create_table(
        "outbound_messages_routing",
        message_key(),
        reference("phone_number_id", "phone_numbers", nullable=True),
        sa.Column("decision_stage", sa.Text, nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="1"),
        sa.CheckConstraint(
            "decision_stage IN ('existing_mapping', 'least_loaded', 'awaiting_number')",
            name="outbound_messages_routing_decision_stage_check",
        ),
        schema=SCHEMA,
        comment="How a message came by its number",
    )
    create_index("outbound_messages_routing", "phone_number_id", ["phone_number_id"])
    op.create_table(
        "outbound_messages_telco",
        message_key(),
        sa.Column("service_id", sa.Text, comment="The carrier's id of the message; empty until it is accepted"),
        moment("sent_at", nullable=True),
        sa.Column("telco_status", STATUS, nullable=False, server_default="queued"),
        sa.Column("num_segments", sa.SmallInteger),
        sa.Column("cost", sa.Numeric(10, 5), nullable=False, server_default="0"),
        sa.Column("extra", postgresql.JSONB),
        sa.UniqueConstraint("service_id"),
        sa.CheckConstraint("cost >= 0", name="outbound_messages_telco_cost_check"),
        schema=SCHEMA,
        comment="What the carrier made of a message",
    )
    create_index("outbound_messages_telco", "sent_at", ["sent_at"], where="sent_at IS NOT NULL")


def message_key() -> sa.Column[object]:
    parent = sa.ForeignKey("sms.outbound_messages.id", ondelete="CASCADE")
    return sa.Column("id", sa.Uuid, parent, primary_key=True, comment="The message's")


def create_inbound_messages() -> None:
    op.create_table(
        "inbound_messages",
        uuid_key(),
        reference("sending_location_id", "sending_locations"),
        sa.Column("from_number", sa.Text, nullable=False),
        sa.Column("to_number", sa.Text, nullable=False, comment="Ours"),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("media_urls", postgresql.ARRAY(sa.Text)),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("num_segments", sa.SmallInteger, nullable=False, server_default="1"),
        moment("received_at"),
        sa.CheckConstraint("num_segments > 0", name="inbound_messages_num_segments_check"),
        schema=SCHEMA,
        comment="Replies and everything else that people text to our numbers",
    )
    create_index("inbound_messages", "sending_location_id", ["sending_location_id"])  # covered by the next one, too
    create_index("inbound_messages", "sending_location_id_received_at", ["sending_location_id", "received_at DESC"])
    create_index("inbound_messages", "conversation", ["from_number", "to_number"])


def create_delivery_reports() -> None:
    op.create_table(
        "delivery_reports",
        uuid_key(),
        reference("message_id", "outbound_messages", nullable=True),
        sa.Column("service_id", sa.Text, nullable=False, comment="The carrier's id of the message"),
        sa.Column("event_type", STATUS, nullable=False),
        sa.Column("generated_at", MOMENT, nullable=False, comment="By the carrier's clock"),
        moment("created_at"),
        sa.Column("error_codes", postgresql.ARRAY(sa.Text)),
        sa.Column("extra", postgresql.JSONB),
        schema=SCHEMA,
        comment="What became of a message, as carriers tell us; some tell us before we know that it is sent",
    )
    create_index("delivery_reports", "message_id", ["message_id"], where="message_id IS NOT NULL")
    create_index("delivery_reports", "unresolved", ["service_id"], where="message_id IS NULL")
    create_index("delivery_reports", "created_at", ["created_at"])


def create_forward_attempts() -> None:
    def columns() -> list[sa.Column[object]]:
        return [
            moment("sent_at"),
            sa.Column("sent_body", postgresql.JSONB, nullable=False),
            sa.Column("response_status_code", sa.SmallInteger, comment="Empty: nothing answered"),
            sa.Column("response_body", sa.Text),
        ]

    op.create_table(
        "inbound_message_forward_attempts",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
        reference("message_id", "inbound_messages"),
        *columns(),
        schema=SCHEMA,
        comment="Calls of a profile's reply_webhook_url",
    )
    op.create_table(
        "delivery_report_forward_attempts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        reference("message_id", "outbound_messages"),
        sa.Column("event_type", STATUS, nullable=False),
        *columns(),
        schema=SCHEMA,
        comment="Calls of a profile's status_webhook_url",
    )
    for table in ("inbound_message_forward_attempts", "delivery_report_forward_attempts"):
        create_index(table, "message_id", ["message_id"])
        create_index(table, "failed", ["sent_at"], where="response_status_code IS NULL OR response_status_code >= 300")


def create_phone_commitments() -> None:
    op.create_table(
        "fresh_phone_commitments",
        sa.Column("truncated_day", MOMENT, primary_key=True, comment="Midnight UTC at which the day begins"),
        sa.Column("phone_number", sa.Text, primary_key=True, comment="Ours"),
        sa.Column("commitment", sa.BigInteger, nullable=False, comment="Messages that day from that number"),
        sa.Column("segments", sa.BigInteger, nullable=False, comment="Their estimated segments"),
        sa.CheckConstraint("commitment >= 0", name="fresh_phone_commitments_commitment_check"),
        schema=SCHEMA,
        comment="What each of our numbers has sent or is about to send; a cache that triggers keep",
    )
    create_index("fresh_phone_commitments", "phone_number", ["phone_number"])
