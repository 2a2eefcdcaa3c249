"""The aggregate's past, for which its policy does not look

Revises: 0011
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | Sequence[str] | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SCHEMA = "sms"
NAME = "phone_commitments_by_day"


def upgrade() -> None:
    op.refresh_continuous_aggregate(NAME, schema=SCHEMA)


def downgrade() -> None:
    op.keep_refreshed(NAME, schema=SCHEMA)
