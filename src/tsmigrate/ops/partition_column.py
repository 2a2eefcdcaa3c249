"""`op.add_partition_column` and its way back: a child table gets its parent's time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.parent_time import ParentTime
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table
from tsmigrate.sql import identifier, literal


@operation
@dataclass(frozen=True)
class AddPartitionColumn(TableOperation):
    """Add a column that holds the time of each row's parent, fill it, and make it NOT NULL.

    `references` says which columns of this table lead to which of the parent's, as in
    `references={"message_id": "id"}`; there need not be a foreign key, but the parent's columns must be unique. Rows
    without a parent are refused with their number, unless `orphans` says in SQL what they get, as in `orphans="now()"`
    or `orphans="created_at"`. With `fill_inserts` a trigger fills the column for inserts that do not name it yet, until
    the application does. The table's own triggers do not see the filling.
    """

    column: str
    parent: str
    parent_column: str
    references: Mapping[str, str]
    parent_schema: str | None = None
    orphans: str | None = None
    fill_inserts: bool = False
    name = "add_partition_column"

    @classmethod
    def add_partition_column(
        cls,
        operations: Operations,
        table: str,
        column: str,
        *,
        parent: str,
        parent_column: str,
        references: Mapping[str, str],
        parent_schema: str | None = None,
        orphans: str | None = None,
        fill_inserts: bool = False,
        schema: str | None = None,
    ) -> None:
        """Add a column that copies the parent's time to a child table, for the table to be partitioned by."""
        operations.invoke(
            cls(
                table, schema, column, parent, parent_column, references, parent_schema or schema, orphans, fill_inserts
            )
        )

    @property
    def time(self) -> ParentTime:
        return ParentTime(
            self.table, self.schema, self.column, self.parent, self.parent_schema, self.parent_column, self.references
        )

    def statements(self, run: Run) -> Sequence[str]:
        time = self.time
        if not self.references:
            raise UsageError(
                f"add_partition_column of {self.subject} does not say how its rows lead to {time.parent_subject}",
                mend='name the columns: references={"message_id": "id"}',
            )
        return [
            do_block(
                """
                DECLARE
                  kind text;
                  number bigint;
                  trig record;
                  triggers jsonb;
                BEGIN
                  {{require_table}}
                  {{require_parent}}
                  {{lock}}
                  {{find_type}}
                  {{require_unique}}
                  -- Hidden rows would stay unfilled: better an error than that.
                  PERFORM set_config('row_security', 'off', true);
                  {{add_column}}
                  {{triggers_off}}
                  EXECUTE {{fill}};
                  {{orphans}}
                  {{triggers_on}}
                  EXECUTE {{set_not_null}};
                  {{fill_inserts}}
                END
                """,
                require_table=require_table(self.subject),
                require_parent=require_table(time.parent_subject),
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking),
                find_type=time.find_type(),
                require_unique=self._require_unique(),
                add_column=time.add_column(),
                triggers_off=time.triggers_off(),
                fill=literal(time.fill()),
                orphans=self._fill_orphans(),
                triggers_on=time.triggers_on(),
                set_not_null=literal(f"ALTER TABLE {self.subject} ALTER COLUMN {identifier(self.column)} SET NOT NULL"),
                fill_inserts=time.create_trigger() if self.fill_inserts else "",
            )
        ]

    def _require_unique(self) -> str:
        parent = self.time.parent_subject
        return assemble(
            """
            IF NOT EXISTS (
              SELECT FROM pg_index i
               WHERE i.indrelid = {{parent}}::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                 AND ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int[]) WITH ORDINALITY AS u(number, place)
                           LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number
                            WHERE place <= i.indnkeyatts) <@ ARRAY[{{theirs}}]::text[]
            ) THEN
              {{ambiguous}}
            END IF;
            """,
            parent=literal(parent),
            theirs=", ".join(map(literal, self.references.values())),
            ambiguous=refuse(
                literal(f"({', '.join(self.references.values())}) is not unique in {parent}"),
                "a row could have several parents: name columns that a unique index covers",
            ),
        )

    def _fill_orphans(self) -> str:
        column = identifier(self.column)
        fill = f"UPDATE {self.subject} SET {column} = ({self.orphans}) WHERE {column} IS NULL"
        return assemble(
            """
            {{fill}}
            EXECUTE {{count}} INTO number;
            IF number > 0 THEN
              {{refused}}
            END IF;
            """,
            fill=f"EXECUTE {literal(fill)};" if self.orphans else "",
            count=literal(f"SELECT count(*) FROM {self.subject} WHERE {column} IS NULL"),
            refused=refuse(
                f"format('%s rows of %s have no parent in %s, or one without a time', number, {literal(self.subject)}, "
                f"{literal(self.time.parent_subject)})",
                "delete them, or say in SQL what they get: orphans=…",
            ),
        )

    def reverse(self) -> DropPartitionColumn:
        return DropPartitionColumn(self.table, self.schema, self.column, self.fill_inserts, self)


@operation
@dataclass(frozen=True)
class DropPartitionColumn(TableOperation):
    """Take `add_partition_column` back: the column goes, and with `fill_inserts` its trigger and function too."""

    column: str
    fill_inserts: bool = False
    added: AddPartitionColumn | None = field(default=None, metadata=NOT_WRITTEN)
    name = "drop_partition_column"

    @classmethod
    def drop_partition_column(
        cls, operations: Operations, table: str, column: str, *, fill_inserts: bool = False, schema: str | None = None
    ) -> None:
        """Drop a column that `add_partition_column` added."""
        operations.invoke(cls(table, schema, column, fill_inserts))

    def statements(self, run: Run) -> Sequence[str]:
        time = ParentTime(self.table, self.schema, self.column, "", None, "", {})
        return [
            do_block(
                """
                BEGIN
                  {{require_table}}
                  {{lock}}
                  {{drop_trigger}}
                  ALTER TABLE {{subject}} DROP COLUMN {{column}};
                END
                """,
                require_table=require_table(self.subject),
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking),
                drop_trigger=time.drop_trigger() if self.fill_inserts else "",
                subject=self.subject,
                column=identifier(self.column),
            )
        ]

    def reverse(self) -> AddPartitionColumn:
        return self.known(self.added, "what the column copied", "add_partition_column")
