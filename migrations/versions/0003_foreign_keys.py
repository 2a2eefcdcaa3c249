"""No foreign keys to the tables that are to be hypertables

Revises: 0002
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
# Messages are dropped by age, chunk by chunk, which a foreign key into them would forbid. The rows that point at a
# message are dropped with it, by the same age.
POINTED_AT = ("outbound_messages", "inbound_messages")


def upgrade() -> None:
    for table in POINTED_AT:
        op.drop_foreign_key_to(table, schema=SCHEMA)


def downgrade() -> None:
    for table in reversed(POINTED_AT):
        op.restore_foreign_keys_to(table, schema=SCHEMA)
