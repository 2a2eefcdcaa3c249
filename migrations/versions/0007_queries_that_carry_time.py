"""Functions whose every query carries the partition column

Revises: 0006
"""

from collections.abc import Sequence
from pathlib import Path

from alembic import op

from tsmigrate.sql import raw

revision: str = "0007"
down_revision: str | Sequence[str] | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTIONS = Path(__file__).parents[1] / "sql"
REWRITTEN = ("resolve_delivery_reports", "is_repeat_message", "phone_commitments")
# Each is replaced by the text in which it was made, so that its rights and its comment stay.
BEFORE = ("is_phone_number_overloaded", "is_repeat_message", "resolve_delivery_reports")


def upgrade() -> None:
    for name in REWRITTEN:
        run((FUNCTIONS / "0007" / f"{name}.sql").read_text())


def downgrade() -> None:
    for name in BEFORE:
        for statement in functions_in((FUNCTIONS / "0001" / f"{name}.sql").read_text()):
            run(statement)
    run("DROP VIEW sms.phone_commitments")
    run("DROP FUNCTION sms.backfill_delivery_reports(timestamptz, timestamptz, integer)")


def functions_in(script: str) -> list[str]:
    """Its CREATE FUNCTION statements, to be run again over functions that are there."""
    parts = script.split("CREATE FUNCTION ")[1:]
    ends = [part.index("$function$;") + len("$function$;") for part in parts]
    return ["CREATE OR REPLACE FUNCTION " + part[:end] for part, end in zip(parts, ends, strict=True)]


def run(script: str) -> None:
    op.execute(raw(script.rstrip().removesuffix(";")))
