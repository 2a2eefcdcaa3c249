"""The switchboard's tables as they are at head, for `alembic check` and autogenerate.

Constraints that autogenerate does not compare (CHECK), triggers and functions stand in the revisions.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tsmigrate.schema import Columnstore, ContinuousAggregate, Hypertable, Refresh, Retention, timescale

SCHEMA = "sms"
MOMENT = sa.DateTime(timezone=True)
STAGES = ("queued", "processing", "awaiting_number", "sending", "sent", "failed")
STATUSES = ("queued", "sending", "sent", "delivered", "sending_failed", "delivery_failed", "delivery_unconfirmed")
STAGE = postgresql.ENUM(*STAGES, name="message_stage", schema=SCHEMA)
STATUS = postgresql.ENUM(*STATUSES, name="telco_status", schema=SCHEMA)

KEPT = Retention("3 months")

metadata = sa.MetaData(schema=SCHEMA)


def key() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()"))


def moment(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    now = None if nullable else sa.text("now()")
    return sa.Column(name, MOMENT, nullable=nullable, primary_key=primary_key, server_default=now)


def required(name: str, kind: type[sa.types.TypeEngine[object]], comment: str | None = None) -> sa.Column[object]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def reference(name: str, to: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid, sa.ForeignKey(f"{SCHEMA}.{to}.id"), nullable=nullable)


def columnstore(*orderby: str, segmentby: list[str] | None = None) -> Columnstore:
    """A message is done within hours, and its last report comes within days: then its rows no longer change."""
    return Columnstore(segmentby=segmentby or [], orderby=orderby, after="1 week")


def index(table: str, name: str, *columns: str, where: str | None = None, unique: bool = False) -> sa.Index:
    """Its columns may be expressions."""
    condition = sa.text(where) if where else None
    return sa.Index(f"{table}_{name}", *map(sa.text, columns), unique=unique, postgresql_where=condition)


profiles = sa.Table(
    "profiles",
    metadata,
    key(),
    required("display_name", sa.Text),
    sa.Column("channel", sa.Text, nullable=False, server_default="10dlc"),
    required("reply_webhook_url", sa.Text),
    required("status_webhook_url", sa.Text),
    sa.Column("daily_segment_limit", sa.Integer, nullable=False, server_default="200"),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    moment("created_at"),
    comment="Who texts: one campaign or organisation",
)
sending_locations = sa.Table(
    "sending_locations",
    metadata,
    key(),
    reference("profile_id", "profiles"),
    required("reference_name", sa.Text),
    required("center", sa.Text, "ZIP code whose area codes are bought first"),
    sa.Column("area_codes", postgresql.ARRAY(sa.Text), nullable=False, server_default="{}"),
    moment("created_at"),
    moment("decommissioned_at", nullable=True),
    sa.UniqueConstraint("profile_id", "reference_name"),
    comment="Where a profile texts from",
)
phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    key(),
    reference("sending_location_id", "sending_locations"),
    required("phone_number", sa.Text),
    moment("created_at"),
    moment("cordoned_at", nullable=True),
    moment("released_at", nullable=True),
    index("phone_numbers", "owned_key", "phone_number", where="released_at IS NULL", unique=True),
    index("phone_numbers", "sending_location_id_idx", "sending_location_id", where="released_at IS NULL"),
    comment="Numbers of ours; one that was released may be bought again",
)
outbound_messages = sa.Table(
    "outbound_messages",
    metadata,
    key(),
    moment("created_at", primary_key=True),
    reference("profile_id", "profiles"),
    reference("sending_location_id", "sending_locations", nullable=True),
    sa.Column("from_number", sa.Text, comment="Ours; empty until the message is routed"),
    required("to_number", sa.Text),
    required("body", sa.Text),
    sa.Column("media_urls", postgresql.ARRAY(sa.Text)),
    sa.Column("stage", STAGE, nullable=False, server_default="queued"),
    sa.Column("estimated_segments", sa.Integer, nullable=False, server_default="1"),
    moment("send_before", nullable=True),
    index("outbound_messages", "profile_id_created_at_idx", "profile_id", "created_at DESC"),
    index("outbound_messages", "repeat_idx", "profile_id", "to_number", "md5(body)", where="stage <> 'failed'"),
    index("outbound_messages", "unsent_idx", "created_at", where="stage IN ('queued', 'awaiting_number')"),
    comment="Every text that a profile asked us to send",
    info=timescale(
        Hypertable("created_at", "1 day"), columnstore("created_at DESC", "id", segmentby=["profile_id"]), KEPT
    ),
)
outbound_messages_routing = sa.Table(
    "outbound_messages_routing",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="The message's"),
    reference("phone_number_id", "phone_numbers", nullable=True),
    required("decision_stage", sa.Text),
    sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("original_created_at", MOMENT, primary_key=True),
    index("outbound_messages_routing", "phone_number_id_idx", "phone_number_id"),
    index("outbound_messages_routing", "original_created_at_idx", "original_created_at DESC"),
    comment="How a message came by its number",
    info=timescale(Hypertable("original_created_at", "1 day"), columnstore("original_created_at DESC", "id"), KEPT),
)
outbound_messages_telco = sa.Table(
    "outbound_messages_telco",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="The message's"),
    sa.Column("service_id", sa.Text, comment="The carrier's id of the message; empty until it is accepted"),
    moment("sent_at", nullable=True),
    sa.Column("telco_status", STATUS, nullable=False, server_default="queued"),
    sa.Column("num_segments", sa.SmallInteger),
    sa.Column("cost", sa.Numeric(10, 5), nullable=False, server_default="0"),
    sa.Column("extra", postgresql.JSONB),
    sa.Column("original_created_at", MOMENT, primary_key=True),
    sa.UniqueConstraint("service_id", "original_created_at", name="outbound_messages_telco_service_id_key"),
    index("outbound_messages_telco", "sent_at_idx", "sent_at", where="sent_at IS NOT NULL"),
    index("outbound_messages_telco", "original_created_at_idx", "original_created_at DESC"),
    comment="What the carrier made of a message",
    info=timescale(
        Hypertable("original_created_at", "1 day"), columnstore("original_created_at DESC", "id", "service_id"), KEPT
    ),
)
inbound_messages = sa.Table(
    "inbound_messages",
    metadata,
    key(),
    reference("sending_location_id", "sending_locations"),
    required("from_number", sa.Text),
    required("to_number", sa.Text, "Ours"),
    required("body", sa.Text),
    sa.Column("media_urls", postgresql.ARRAY(sa.Text)),
    required("service_id", sa.Text),
    sa.Column("num_segments", sa.SmallInteger, nullable=False, server_default="1"),
    moment("received_at", primary_key=True),
    index("inbound_messages", "sending_location_id_received_at_idx", "sending_location_id", "received_at DESC"),
    index("inbound_messages", "conversation_idx", "from_number", "to_number"),
    index("inbound_messages", "received_at_idx", "received_at DESC"),
    comment="Replies and everything else that people text to our numbers",
    info=timescale(
        Hypertable("received_at", "1 week"),
        columnstore("received_at DESC", "id", segmentby=["sending_location_id"]),
        KEPT,
    ),
)
delivery_reports = sa.Table(
    "delivery_reports",
    metadata,
    key(),
    sa.Column("message_id", sa.Uuid),
    required("service_id", sa.Text, "The carrier's id of the message"),
    sa.Column("event_type", STATUS, nullable=False),
    required("generated_at", MOMENT, "By the carrier's clock"),
    moment("created_at", primary_key=True),
    sa.Column("error_codes", postgresql.ARRAY(sa.Text)),
    sa.Column("extra", postgresql.JSONB),
    index("delivery_reports", "message_id_idx", "message_id", where="message_id IS NOT NULL"),
    index("delivery_reports", "unresolved_idx", "service_id", where="message_id IS NULL"),
    index("delivery_reports", "created_at_idx", "created_at"),
    comment="What became of a message, as carriers tell us; some tell us before we know that it is sent",
    info=timescale(Hypertable("created_at", "1 week"), columnstore("created_at DESC", "id"), KEPT),
)


def forward_attempts(table: str, *columns: sa.Column[object], comment: str) -> sa.Table:
    failed = "response_status_code IS NULL OR response_status_code >= 300"
    return sa.Table(
        table,
        metadata,
        *columns,
        moment("sent_at", primary_key=True),
        required("sent_body", postgresql.JSONB),
        sa.Column("response_status_code", sa.SmallInteger, comment="Empty: nothing answered"),
        sa.Column("response_body", sa.Text),
        index(table, "message_id_idx", "message_id"),
        index(table, "failed_idx", "sent_at", where=failed),
        comment=comment,
        info=timescale(Hypertable("sent_at", "1 week"), columnstore("sent_at DESC", "id"), KEPT),
    )


inbound_message_forward_attempts = forward_attempts(
    "inbound_message_forward_attempts",
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
    required("message_id", sa.Uuid),
    comment="Calls of a profile's reply_webhook_url",
)
delivery_report_forward_attempts = forward_attempts(
    "delivery_report_forward_attempts",
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    required("message_id", sa.Uuid),
    sa.Column("event_type", STATUS, nullable=False),
    comment="Calls of a profile's status_webhook_url",
)
prev_mapping = sa.Table(
    "prev_mapping",
    metadata,
    sa.Column(
        "sending_location_id",
        sa.Uuid,
        sa.ForeignKey(f"{SCHEMA}.sending_locations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("to_number", sa.Text, primary_key=True),
    required("from_number", sa.Text, "Ours"),
    required("last_used_at", MOMENT),
    index("prev_mapping", "from_number_idx", "from_number"),
    comment="Which of our numbers a person last heard from; triggers keep it",
)

message = outbound_messages.alias("message")
ContinuousAggregate(
    "phone_commitments_by_day",
    sa.select(
        sa.func.time_bucket("1 day", message.c.created_at).label("truncated_day"),
        message.c.from_number.label("phone_number"),
        sa.func.count().label("commitment"),
        sa.func.sum(message.c.estimated_segments).label("segments"),
    )
    .where(message.c.from_number.is_not(None))
    .group_by("truncated_day", "phone_number"),
    metadata,
    refresh=Refresh("3 days", "1 hour", "15 minutes"),
)

CACHE = "fresh_phone_commitments"
"""The table that is left where no continuous aggregate takes its place (tsmigrate.on_unsupported = skip)."""
