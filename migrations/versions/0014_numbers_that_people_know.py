"""The number that each person last heard from, kept by triggers

Revises: 0013
"""

from collections.abc import Sequence
from pathlib import Path

from alembic import op

from tsmigrate.sql import raw

revision: str = "0014"
down_revision: str | Sequence[str] | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLE = Path(__file__).parents[1] / "sql" / revision / "prev_mapping.sql"


def upgrade() -> None:
    op.execute(raw(TABLE.read_text().rstrip().removesuffix(";")))


def downgrade() -> None:
    op.execute(raw("DROP TRIGGER forget_mappings ON sms.phone_numbers"))
    op.execute(raw("DROP TRIGGER remember_mapping ON sms.outbound_messages"))
    op.execute(raw("DROP FUNCTION sms.tg_forget_mappings()"))
    op.execute(raw("DROP FUNCTION sms.tg_remember_mapping()"))
    op.execute(raw("DROP TABLE sms.prev_mapping"))
