"""The growing tables as hypertables

Revises: 0005
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0006"
down_revision: str | Sequence[str] | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
# The three message tables share the message's time and the interval, so that a join of them stays local to a day.
DAILY = {
    "outbound_messages": "created_at",
    "outbound_messages_routing": "original_created_at",
    "outbound_messages_telco": "original_created_at",
}
WEEKLY = {
    "inbound_messages": "received_at",
    "delivery_reports": "created_at",
    "inbound_message_forward_attempts": "sent_at",
    "delivery_report_forward_attempts": "sent_at",
}


def upgrade() -> None:
    for table, time in DAILY.items():
        op.create_hypertable(table, time, "1 day", migrate_data=True, schema=SCHEMA)
    for table, time in WEEKLY.items():
        op.create_hypertable(table, time, "1 week", migrate_data=True, schema=SCHEMA)


def downgrade() -> None:
    for table in reversed([*DAILY, *WEEKLY]):
        op.revert_hypertable(table, schema=SCHEMA)
