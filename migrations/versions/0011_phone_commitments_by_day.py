"""What each number has sent by day, as a continuous aggregate

Revises: 0010
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0011"
down_revision: str | Sequence[str] | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
NAME = "phone_commitments_by_day"
# Buckets of a day begin at midnight UTC, as the cache's days do.
QUERY = """
SELECT time_bucket('1 day', message.created_at) AS truncated_day,
       message.from_number AS phone_number,
       count(*) AS commitment,
       sum(message.estimated_segments) AS segments
FROM sms.outbound_messages AS message
WHERE message.from_number IS NOT NULL
GROUP BY 1, 2
"""


def upgrade() -> None:
    # Real time: the day that has not ended is summed from its messages when it is asked for, and never stale.
    op.create_continuous_aggregate(NAME, QUERY, materialized_only=False, schema=SCHEMA)
    # A message that is routed after midnight changes a day that has ended: three days are refreshed each time.
    op.add_refresh_policy(NAME, "3 days", "1 hour", "15 minutes", schema=SCHEMA)


def downgrade() -> None:
    op.remove_refresh_policy(NAME, schema=SCHEMA)
    op.drop_continuous_aggregate(NAME, schema=SCHEMA)
