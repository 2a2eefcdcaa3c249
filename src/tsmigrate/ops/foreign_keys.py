"""`op.drop_foreign_key_to` and its way back: the foreign keys of other tables that point at a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table
from tsmigrate.sql import literal

DROP = "drop_foreign_key_to"

# Those of partitions follow the partitioned table's.
_INBOUND = """\
SELECT format('%I.%I', n.nspname, c.relname) AS child, k.conname AS name, pg_get_constraintdef(k.oid) AS definition,
       obj_description(k.oid, 'pg_constraint') AS comment
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'f' AND k.confrelid = {{table}}::regclass AND k.conparentid = 0
 ORDER BY 1, 2"""


@operation
@dataclass(frozen=True)
class DropForeignKeyTo(TableOperation):
    """Drop every foreign key that points at the table, its own included, and remember them for the downgrade.

    A table that is to be a hypertable cannot keep them while it is converted, and retention cannot drop a chunk that
    one points into, not even an unused one (2BP01). Where the reference shall stay, widen it instead.
    """

    name = DROP

    @classmethod
    def drop_foreign_key_to(cls, operations: Operations, table: str, *, schema: str | None = None) -> None:
        """Drop the foreign keys of other tables that point at this one."""
        operations.invoke(cls(table, schema))

    def statements(self, run: Run) -> Sequence[str]:
        inbound = assemble(_INBOUND, table=literal(self.subject))
        return [
            do_block(
                """
                DECLARE
                  found record;
                  remembered jsonb;
                BEGIN
                  {{require_table}}
                  {{lock}}
                  SELECT jsonb_agg(to_jsonb(k)) INTO remembered FROM (
                    {{inbound}}
                  ) k;
                  IF remembered IS NULL THEN
                    {{none}}
                  END IF;
                  {{remember}}
                  FOR found IN
                    SELECT * FROM jsonb_to_recordset(remembered) AS k(child text, name text)
                  LOOP
                    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.child, found.name);
                  END LOOP;
                END
                """,
                require_table=require_table(self.subject),
                lock=lock(
                    self.subject,
                    "ACCESS EXCLUSIVE",
                    run.locking,
                    and_those=f"SELECT DISTINCT child, 'ACCESS EXCLUSIVE' FROM ({inbound}) k ORDER BY 1",
                ),
                inbound=inbound,
                none=refuse(
                    literal(f"no foreign key points at {self.subject}"), "leave this operation out of the revision"
                ),
                remember=undo.remember(self.undo_key(run, DROP), "remembered"),
            )
        ]

    def reverse(self) -> RestoreForeignKeysTo:
        return RestoreForeignKeysTo(self.table, self.schema)


@operation
@dataclass(frozen=True)
class RestoreForeignKeysTo(TableOperation):
    """Take `drop_foreign_key_to` back: the same foreign keys, checked against the rows written since."""

    name = "restore_foreign_keys_to"

    @classmethod
    def restore_foreign_keys_to(cls, operations: Operations, table: str, *, schema: str | None = None) -> None:
        """Create the foreign keys again that this revision's upgrade dropped."""
        operations.invoke(cls(table, schema))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, DROP)
        return [
            do_block(
                """
                DECLARE
                  found record;
                  remembered jsonb;
                BEGIN
                  {{require_table}}
                  {{lock}}
                  {{recall}}
                  {{insist}}
                  FOR found IN
                    SELECT * FROM jsonb_to_recordset(remembered)
                      AS k(child text, name text, definition text, comment text)
                  LOOP
                    BEGIN
                      EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', found.child, found.name, found.definition);
                    EXCEPTION WHEN foreign_key_violation THEN
                      {{orphans}}
                    END;
                    IF found.comment IS NOT NULL THEN
                      EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L', found.name, found.child, found.comment);
                    END IF;
                  END LOOP;
                END
                """,
                require_table=require_table(self.subject),
                lock=lock(self.subject, "SHARE ROW EXCLUSIVE", run.locking),
                recall=undo.recall(key, "remembered"),
                insist=undo.insist("remembered", key),
                orphans=refuse(
                    f"format('%s has rows written since that point to no row of %s, against %I: %s', found.child, "
                    f"{literal(self.subject)}, found.name, SQLERRM)",
                    "delete or correct those rows, then downgrade again",
                ),
            )
        ]

    def reverse(self) -> DropForeignKeyTo:
        return DropForeignKeyTo(self.table, self.schema)
