"""The aggregate in place of the cache table and its triggers

Revises: 0012
"""

from collections.abc import Sequence
from pathlib import Path

from alembic import op

from tsmigrate.sql import raw

revision: str = "0013"
down_revision: str | Sequence[str] | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run((SQL / revision / "to_aggregate.sql").read_text())


def downgrade() -> None:
    triggers = (SQL / "0001" / "keep_phone_commitments.sql").read_text()
    run((SQL / revision / "to_cache.sql").read_text().replace("{triggers}", triggers))


def run(script: str) -> None:
    op.execute(raw(script.rstrip().removesuffix(";")))
