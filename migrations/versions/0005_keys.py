"""Keys that hold the time, and no index that another one covers

Revises: 0004
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
TIME_OF = {
    "outbound_messages": "created_at",
    "outbound_messages_routing": "original_created_at",
    "outbound_messages_telco": "original_created_at",
    "inbound_messages": "received_at",
    "delivery_reports": "created_at",
    "inbound_message_forward_attempts": "sent_at",
    "delivery_report_forward_attempts": "sent_at",
}
COVERED = {
    "outbound_messages_id_created_at_idx": "outbound_messages",  # by the new key
    "outbound_messages_profile_id_idx": "outbound_messages",
    "inbound_messages_sending_location_id_idx": "inbound_messages",
}
SERVICE_ID = "outbound_messages_telco_service_id_key"


def upgrade() -> None:
    for table, time in TIME_OF.items():
        op.widen_primary_key(table, ["id", time], schema=SCHEMA)
    op.widen_unique_constraint(
        "outbound_messages_telco", SERVICE_ID, ["service_id", "original_created_at"], schema=SCHEMA
    )
    for index, table in COVERED.items():
        op.drop_redundant_index(table, index, schema=SCHEMA)


def downgrade() -> None:
    for index, table in reversed(COVERED.items()):
        op.restore_redundant_index(table, index, schema=SCHEMA)
    op.narrow_unique_constraint("outbound_messages_telco", SERVICE_ID, schema=SCHEMA)
    for table in reversed(TIME_OF):
        op.narrow_primary_key(table, schema=SCHEMA)
