"""No lookup of the message's time: whoever writes routing and telco rows names it by now

Revises: 0007
"""

from collections.abc import Sequence

from alembic import op

from tsmigrate.sql import raw

revision: str = "0008"
down_revision: str | Sequence[str] | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# By the id alone the trigger's query went through every chunk of outbound_messages, once for each row written.
TABLES = ("outbound_messages_routing", "outbound_messages_telco")

# As op.add_partition_column(…, fill_inserts=True) made it.
# tsmigrate: ignore[TSQ101] that it goes through every chunk is why this revision drops it
FILL = """
CREATE FUNCTION sms.{table}_fill_original_created_at() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$BEGIN
  IF NEW."original_created_at" IS NULL THEN
    SELECT p."created_at" INTO NEW."original_created_at" FROM "sms"."outbound_messages" p WHERE p."id" = NEW."id";
  END IF;
  RETURN NEW;
END$function$;

CREATE TRIGGER {table}_fill_original_created_at
BEFORE INSERT ON sms.{table}
FOR EACH ROW EXECUTE FUNCTION sms.{table}_fill_original_created_at()
"""


def upgrade() -> None:
    for table in TABLES:
        op.execute(raw(f"DROP TRIGGER {table}_fill_original_created_at ON sms.{table}"))
        op.execute(raw(f"DROP FUNCTION sms.{table}_fill_original_created_at()"))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(raw(FILL.format(table=table)))
