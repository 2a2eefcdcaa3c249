"""No row for longer than three months

Revises: 0009
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0010"
down_revision: str | Sequence[str] | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
# Each by its own time: what belongs to a message goes with it, or a day or two later.
TABLES = (
    "outbound_messages",
    "outbound_messages_routing",
    "outbound_messages_telco",
    "inbound_messages",
    "delivery_reports",
    "inbound_message_forward_attempts",
    "delivery_report_forward_attempts",
)


def upgrade() -> None:
    for table in TABLES:
        op.add_retention_policy(table, "3 months", schema=SCHEMA)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.remove_retention_policy(table, schema=SCHEMA)
