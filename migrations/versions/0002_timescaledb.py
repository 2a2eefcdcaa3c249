"""The extension, if the database does not have it yet

Revises: 0001
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_timescaledb_extension()


def downgrade() -> None:
    op.drop_timescaledb_extension()
