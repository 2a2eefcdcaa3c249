"""The message's time in the tables that are keyed by its id

Revises: 0003
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
COLUMN = "original_created_at"
# With the same partition column as the message, a join of the three stays within chunks of the same day.
KEYED_BY_MESSAGE = ("outbound_messages_routing", "outbound_messages_telco")


def upgrade() -> None:
    for table in KEYED_BY_MESSAGE:
        op.add_partition_column(
            table,
            COLUMN,
            parent="outbound_messages",
            parent_column="created_at",
            references={"id": "id"},
            fill_inserts=True,  # until every sender names it
            schema=SCHEMA,
        )


def downgrade() -> None:
    for table in reversed(KEYED_BY_MESSAGE):
        op.drop_partition_column(table, COLUMN, fill_inserts=True, schema=SCHEMA)
