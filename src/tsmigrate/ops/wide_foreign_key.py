"""`op.widen_foreign_key` and its way back: a foreign key into a hypertable holds the partition column too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.parent_time import ParentTime
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, return_if_skipped
from tsmigrate.ops.wide_reference import WideReference
from tsmigrate.plpgsql import do_block, lock, require_table
from tsmigrate.sql import identifier, literal

WIDEN = "widen_foreign_key"

ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")


@operation
@dataclass(frozen=True)
class WidenForeignKey(TableOperation):
    """Let a table refer to a hypertable: by its columns and by the partition column, which it gets a copy of.

    `references` says which columns of this table lead to which of the parent's, as in `references={"message_id":
    "id"}`; with `column`, which is added here, and `parent_column` they are the parent's key. Widen that first:
    `op.widen_primary_key`. A foreign key called `constraint` that is there already is replaced, and comes back with
    the downgrade.

    The column is filled from the parent in batches, each in a transaction of its own, out of sight of the table's own
    triggers. A trigger fills it for rows to come, and when a row moves to another parent. Then the key is added, and
    checked without blocking writers. Rows without a parent, and rows with several, are refused with their number.

    It runs outside of a transaction, alone in its revision. When it is cut off, run the revision again. Retention
    cannot drop chunks that a foreign key points into: use `op.drop_foreign_key_to` instead where rows are to age.
    """

    constraint: str
    column: str
    parent: str
    parent_column: str
    references: Mapping[str, str]
    parent_schema: str | None = None
    on_delete: str | None = None
    on_update: str | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    name = WIDEN
    isolated = True

    @classmethod
    def widen_foreign_key(
        cls,
        operations: Operations,
        table: str,
        constraint: str,
        *,
        column: str,
        parent: str,
        parent_column: str,
        references: Mapping[str, str],
        parent_schema: str | None = None,
        on_delete: str | None = None,
        on_update: str | None = None,
        deferrable: bool = False,
        initially_deferred: bool = False,
        schema: str | None = None,
    ) -> None:
        """Add a foreign key into a hypertable, with a copy of its partition column."""
        operations.invoke(
            cls(
                table,
                schema,
                constraint,
                column,
                parent,
                parent_column,
                references,
                parent_schema or schema,
                on_delete,
                on_update,
                deferrable,
                initially_deferred,
            )
        )

    @property
    def time(self) -> ParentTime:
        return ParentTime(
            self.table, self.schema, self.column, self.parent, self.parent_schema, self.parent_column, self.references
        )

    def statements(self, run: Run) -> Sequence[str]:
        self._check_arguments()
        key = _key(self, run)
        reference = WideReference(self.time, self.constraint, self._options(), run.locking)
        return [
            do_block(
                """
                DECLARE
                  begun jsonb;
                  kind text;
                  nullable bool;
                  number bigint;
                  ambiguous bigint;
                  page bigint;
                  trig record;
                  triggers jsonb;
                BEGIN
                  {{require_support}}
                  {{require_table}}
                  {{require_parent}}
                  {{look}}
                  IF begun IS NULL THEN
                    {{refuse_what_cannot_be}}
                    {{begin}}
                    COMMIT;
                  END IF;
                  -- Without columns that may be empty, neither may the time be; else both are or none (MATCH FULL).
                  {{find_nullable}}
                  {{fill_in_batches}}
                  {{orphans}}
                  {{look}}
                  IF NOT begun ? 'added' THEN
                    {{add}}
                    COMMIT;
                  END IF;
                  {{validate}}
                END
                """,
                require_support=require_support(key, run),
                require_table=require_table(self.subject),
                require_parent=require_table(self.time.parent_subject),
                look=undo.look(key, "begun"),
                refuse_what_cannot_be=reference.refuse_what_cannot_be(),
                begin=reference.begin(key),
                find_nullable=reference.find_nullable(),
                fill_in_batches=reference.fill_in_batches(),
                orphans=reference.refuse_orphans(),
                add=reference.add(key),
                validate=reference.validate(),
            )
        ]

    def _check_arguments(self) -> None:
        if not self.references:
            raise UsageError(
                f"widen_foreign_key of {self.subject} does not say how its rows lead to {self.time.parent_subject}",
                mend='name the columns: references={"message_id": "id"}',
            )
        for argument, action in (("on_delete", self.on_delete), ("on_update", self.on_update)):
            if action is not None and action.upper() not in ACTIONS:
                raise UsageError(
                    f"widen_foreign_key of {self.subject}: {argument}={action!r} is no action of a foreign key",
                    mend=f"one of {', '.join(ACTIONS)}",
                )

    def _options(self) -> str:
        options = [
            f"ON DELETE {self.on_delete.upper()}" if self.on_delete else "",
            f"ON UPDATE {self.on_update.upper()}" if self.on_update else "",
            "DEFERRABLE" if self.deferrable or self.initially_deferred else "",
            "INITIALLY DEFERRED" if self.initially_deferred else "",
        ]
        return " ".join(filter(None, options))

    def reverse(self) -> NarrowForeignKey:
        return NarrowForeignKey(self.table, self.schema, self.constraint, self.column, self)


def _key(asked: WidenForeignKey | NarrowForeignKey, run: Run) -> undo.Key:
    return undo.Key(run.revision, WIDEN, f"{identifier(asked.constraint)} on {asked.subject}")


@operation
@dataclass(frozen=True)
class NarrowForeignKey(TableOperation):
    """Take `widen_foreign_key` back: the column goes, with the key and the trigger, and the former key comes back."""

    constraint: str
    column: str
    widened: WidenForeignKey | None = field(default=None, metadata=NOT_WRITTEN)
    name = "narrow_foreign_key"

    @classmethod
    def narrow_foreign_key(
        cls, operations: Operations, table: str, constraint: str, *, column: str, schema: str | None = None
    ) -> None:
        """Drop a foreign key that `widen_foreign_key` added, and its column."""
        operations.invoke(cls(table, schema, constraint, column))

    def statements(self, run: Run) -> Sequence[str]:
        key = _key(self, run)
        time = ParentTime(self.table, self.schema, self.column, "", None, "", {})
        parent = (
            f"SELECT confrelid::regclass::text, 'ACCESS EXCLUSIVE' FROM pg_constraint "
            f"WHERE conrelid = {literal(self.subject)}::regclass AND conname = {literal(self.constraint)} "
            "AND confrelid <> 0"
        )
        return [
            do_block(
                """
                DECLARE
                  before jsonb;
                BEGIN
                  {{recall}}
                  {{return_if_skipped}}
                  {{insist}}
                  {{require_table}}
                  {{lock}}
                  ALTER TABLE {{subject}} DROP CONSTRAINT {{constraint}};
                  {{drop_trigger}}
                  ALTER TABLE {{subject}} DROP COLUMN {{column}};
                  IF before ? 'definition' THEN
                    EXECUTE {{restore}} || (before ->> 'definition');
                    IF before ->> 'comment' IS NOT NULL THEN
                      EXECUTE {{comment}} || quote_literal(before ->> 'comment');
                    END IF;
                  END IF;
                END
                """,
                recall=undo.recall(key, "before"),
                return_if_skipped=return_if_skipped("before"),
                insist=undo.insist("before", key),
                require_table=require_table(self.subject),
                lock=lock(
                    self.subject,
                    "ACCESS EXCLUSIVE",
                    run.locking,
                    and_those=parent,
                ),
                subject=self.subject,
                constraint=identifier(self.constraint),
                drop_trigger=time.drop_trigger(),
                column=identifier(self.column),
                restore=literal(f"ALTER TABLE {self.subject} ADD CONSTRAINT {identifier(self.constraint)} "),
                comment=literal(f"COMMENT ON CONSTRAINT {identifier(self.constraint)} ON {self.subject} IS "),
            )
        ]

    def reverse(self) -> WidenForeignKey:
        return self.known(self.widened, "what the foreign key refers to", "widen_foreign_key")
