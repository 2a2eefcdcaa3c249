"""Old chunks in the columnstore

Revises: 0008
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0009"
down_revision: str | Sequence[str] | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
# By what a page of the application shows, where that has hundreds of rows a chunk.
SEGMENTED_BY = {"outbound_messages": ["profile_id"], "inbound_messages": ["sending_location_id"]}
# The newest first, and every column of a key, so that a lookup by key need not unpack a whole chunk.
ORDERED_BY = {
    "outbound_messages": ["created_at DESC", "id"],
    "outbound_messages_routing": ["original_created_at DESC", "id"],
    "outbound_messages_telco": ["original_created_at DESC", "id", "service_id"],
    "inbound_messages": ["received_at DESC", "id"],
    "delivery_reports": ["created_at DESC", "id"],
    "inbound_message_forward_attempts": ["sent_at DESC", "id"],
    "delivery_report_forward_attempts": ["sent_at DESC", "id"],
}
# A message is done within hours, and its last report comes within days: then its rows no longer change.
AFTER = "1 week"


def upgrade() -> None:
    for table, orderby in ORDERED_BY.items():
        op.set_columnstore(table, segmentby=SEGMENTED_BY.get(table, []), orderby=orderby, schema=SCHEMA)
        op.add_columnstore_policy(table, AFTER, schema=SCHEMA)


def downgrade() -> None:
    for table in reversed(ORDERED_BY):
        op.remove_columnstore_policy(table, schema=SCHEMA)
        op.restore_columnstore(table, schema=SCHEMA)
