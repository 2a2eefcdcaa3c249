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
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table, tell
from tsmigrate.sql import identifier, literal

WIDEN = "widen_foreign_key"

PAGES_AT_ONCE = 4_096
"""Pages of the child that are filled in one transaction: 32 MB, some hundred thousand rows."""

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
                  FOR page IN SELECT generate_series(0, {{last_page}}, {{pages}}) LOOP
                    {{fill}}
                    COMMIT;
                    {{progress}}
                  END LOOP;
                  {{orphans}}
                  {{look}}
                  IF NOT begun ? 'added' THEN
                    {{add}}
                    COMMIT;
                  END IF;
                  {{lock_to_validate}}
                  ALTER TABLE {{subject}} VALIDATE CONSTRAINT {{constraint}};
                  COMMIT;
                  IF NOT nullable THEN
                    {{set_not_null}}
                  END IF;
                END
                """,
                require_support=require_support(key, run),
                require_table=require_table(self.subject),
                require_parent=require_table(self.time.parent_subject),
                look=undo.look(key, "begun"),
                refuse_what_cannot_be=self._refuse_what_cannot_be(),
                begin=self._begin(key, run),
                find_nullable=self._find_nullable(),
                last_page=f"pg_relation_size({literal(self.subject)}) / current_setting('block_size')::int",
                pages=str(PAGES_AT_ONCE),
                fill=self._fill(run),
                progress=tell(
                    f"format('%s: filled %s of %s MB', {literal(self.subject)}, "
                    f"least((page + {PAGES_AT_ONCE}) * current_setting('block_size')::bigint, "
                    f"pg_relation_size({literal(self.subject)})) / 1048576, "
                    f"pg_relation_size({literal(self.subject)}) / 1048576)"
                ),
                orphans=self._refuse_orphans(),
                add=self._add(key, run),
                lock_to_validate=self._lock("SHARE UPDATE EXCLUSIVE", run),
                subject=self.subject,
                constraint=identifier(self.constraint),
                set_not_null=self._set_not_null(run),
            )
        ]

    def _lock(self, mode: str, run: Run) -> str:
        return lock(self.subject, mode, run.locking)

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

    def _refuse_what_cannot_be(self) -> str:
        """Before the first change. One join tells both the rows without a parent and those with several."""
        time = self.time
        ours = [identifier(name) for name in self.references]
        theirs = [identifier(name) for name in self.references.values()]
        count = (
            f"SELECT count(*) FILTER (WHERE p.parents IS NULL), count(*) FILTER (WHERE p.parents > 1) "
            f"FROM {self.subject} c LEFT JOIN (SELECT {', '.join(theirs)}, count(*) AS parents "
            f"FROM {time.parent_subject} GROUP BY {', '.join(theirs)}) p ON {time.matches('c')} "
            f"WHERE {' AND '.join(f'c.{name} IS NOT NULL' for name in ours)}"
        )
        return assemble(
            """
            {{find_type}}
            {{find_nullable}}
            IF (SELECT relkind FROM pg_class WHERE oid = {{table}}::regclass) <> 'r' THEN
              {{not_plain}}
            ELSIF EXISTS (SELECT FROM pg_attribute WHERE attrelid = {{table}}::regclass AND attname = {{column}}) THEN
              {{column_there}}
            ELSIF nullable AND {{several}} THEN
              {{half_empty}}
            ELSIF NOT EXISTS (
              SELECT FROM pg_index i
               WHERE i.indrelid = {{parent}}::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                 AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text)
                        FROM unnest(i.indkey::int[]) WITH ORDINALITY AS u(number, place)
                        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number
                       WHERE place <= i.indnkeyatts)
                   = (SELECT array_agg(k ORDER BY k) FROM unnest(ARRAY[{{key}}]::text[]) k)
            ) THEN
              {{no_key}}
            END IF;
            -- Hidden rows would stay unfilled: better an error than that.
            PERFORM set_config('row_security', 'off', true);
            EXECUTE {{count}} INTO number, ambiguous;
            IF number > 0 THEN
              {{orphans}}
            ELSIF ambiguous > 0 THEN
              {{several_parents}}
            END IF;
            """,
            find_type=time.find_type(),
            find_nullable=self._find_nullable(),
            table=literal(self.subject),
            column=literal(self.column),
            parent=literal(time.parent_subject),
            key=", ".join(map(literal, (*self.references.values(), self.parent_column))),
            several="true" if len(self.references) > 1 else "false",
            count=literal(count),
            not_plain=refuse(
                literal(f"{self.subject} is not a plain table, which alone can refer to a hypertable"),
                "use op.drop_foreign_key_to: the reference stays, and is not checked",
            ),
            column_there=refuse(
                literal(f"{self.subject} has a column {identifier(self.column)} already"),
                "choose another name: the copy of the parent's time is added here",
            ),
            half_empty=refuse(
                literal(f"the columns {', '.join(ours)} of {self.subject} may be empty one without the other"),
                "make them NOT NULL first: a row that is half empty would not be checked",
            ),
            no_key=refuse(
                literal(f"{time.parent_subject} has no key of exactly {', '.join(theirs)} and {self.parent_column}"),
                "widen it first: op.widen_primary_key or op.widen_unique_constraint",
            ),
            orphans=self._orphans_refused(),
            several_parents=refuse(
                f"format('%s rows of %s have several parents in %s', ambiguous, {literal(self.subject)}, "
                f"{literal(time.parent_subject)})",
                "delete the parents that should not be, or fill the column and add the foreign key by hand",
            ),
        )

    def _find_nullable(self) -> str:
        ours = ", ".join(map(literal, self.references))
        return assemble(
            """
            nullable := EXISTS (
              SELECT FROM pg_attribute
               WHERE attrelid = {{table}}::regclass AND attname IN ({{ours}}) AND NOT attnotnull);
            """,
            table=literal(self.subject),
            ours=ours,
        )

    def _begin(self, key: undo.Key, run: Run) -> str:
        return assemble(
            """
            {{lock}}
            {{remember}}
            {{add_column}}
            {{create_trigger}}
            """,
            lock=self._lock("ACCESS EXCLUSIVE", run),
            remember=undo.remember(key, _the_narrow_key(self.subject, self.constraint)),
            add_column=self.time.add_column(),
            create_trigger=self.time.create_trigger("INSERT OR UPDATE"),
        )

    def _fill(self, run: Run) -> str:
        """A table with triggers of its own is locked against writers, a batch long, so that those do not see it."""
        batch = f" AND c.{identifier(self.column)} IS NULL AND c.ctid >= $1 AND c.ctid < $2"
        return assemble(
            """
            PERFORM set_config('row_security', 'off', true);
            triggers := '[]';
            IF EXISTS (
              SELECT FROM pg_trigger
               WHERE tgrelid = {{table}}::regclass AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 16 <> 0
                 AND tgname <> {{own}}
            ) THEN
              {{lock}}
              {{triggers_off}}
            END IF;
            EXECUTE {{fill}} USING format('(%s,0)', page)::tid, format('(%s,0)', page + {{pages}})::tid;
            {{triggers_on}}
            """,
            table=literal(self.subject),
            own=literal(self.time.trigger),
            lock=self._lock("SHARE ROW EXCLUSIVE", run),
            triggers_off=self.time.triggers_off(),
            fill=literal(self.time.fill(batch)),
            pages=str(PAGES_AT_ONCE),
            triggers_on=self.time.triggers_on(),
        )

    def _refuse_orphans(self) -> str:
        """Again: rows can have lost their parent since."""
        filled = " AND ".join(f"{identifier(ours)} IS NOT NULL" for ours in self.references)
        count = f"SELECT count(*) FROM {self.subject} WHERE {filled} AND {identifier(self.column)} IS NULL"
        return assemble(
            """
            PERFORM set_config('row_security', 'off', true);
            EXECUTE {{count}} INTO number;
            IF number > 0 THEN
              {{orphans}}
            END IF;
            """,
            count=literal(count),
            orphans=self._orphans_refused(),
        )

    def _orphans_refused(self) -> str:
        return refuse(
            f"format('%s rows of %s have no parent in %s', number, {literal(self.subject)}, "
            f"{literal(self.time.parent_subject)})",
            "delete or correct them, then run the revision again",
        )

    def _add(self, key: undo.Key, run: Run) -> str:
        ours = ", ".join(identifier(name) for name in (*self.references, self.column))
        theirs = ", ".join(identifier(name) for name in (*self.references.values(), self.parent_column))
        add = (
            f"ALTER TABLE {self.subject} ADD CONSTRAINT {identifier(self.constraint)} FOREIGN KEY ({ours}) "
            f"REFERENCES {self.time.parent_subject} ({theirs})"
        )
        return assemble(
            """
            {{lock}}
            ALTER TABLE {{subject}} DROP CONSTRAINT IF EXISTS {{constraint}};
            EXECUTE {{add}} || CASE WHEN nullable THEN ' MATCH FULL' ELSE '' END || {{options}};
            IF NOT nullable THEN
              ALTER TABLE {{subject}} ADD CONSTRAINT {{check}} CHECK ({{column}} IS NOT NULL) NOT VALID;
            END IF;
            {{note}}
            """,
            lock=lock(
                self.subject,
                "SHARE ROW EXCLUSIVE",
                run.locking,
                and_those=f"SELECT {literal(self.time.parent_subject)}, 'SHARE ROW EXCLUSIVE'",
            ),
            subject=self.subject,
            constraint=identifier(self.constraint),
            add=literal(add),
            options=literal(self._options()),
            check=identifier(self.time.trigger),
            column=identifier(self.column),
            note=undo.amend(key, "'{\"added\": true}'"),
        )

    def _options(self) -> str:
        options = [
            f"ON DELETE {self.on_delete.upper()}" if self.on_delete else "",
            f"ON UPDATE {self.on_update.upper()}" if self.on_update else "",
            "DEFERRABLE" if self.deferrable or self.initially_deferred else "",
            "INITIALLY DEFERRED" if self.initially_deferred else "",
            "NOT VALID",
        ]
        return " " + " ".join(filter(None, options))

    def _set_not_null(self, run: Run) -> str:
        """A CHECK that is validated first spares the scan under an exclusive lock."""
        check = identifier(self.time.trigger)
        return assemble(
            """
            IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = {{table}}::regclass AND conname = {{name}}) THEN
              ALTER TABLE {{subject}} VALIDATE CONSTRAINT {{check}};
              COMMIT;
              {{lock}}
              ALTER TABLE {{subject}} ALTER COLUMN {{column}} SET NOT NULL;
              ALTER TABLE {{subject}} DROP CONSTRAINT {{check}};
            END IF;
            """,
            table=literal(self.subject),
            name=literal(self.time.trigger),
            subject=self.subject,
            check=check,
            lock=self._lock("ACCESS EXCLUSIVE", run),
            column=identifier(self.column),
        )

    def reverse(self) -> NarrowForeignKey:
        return NarrowForeignKey(self.table, self.schema, self.constraint, self.column, self)


def _key(asked: WidenForeignKey | NarrowForeignKey, run: Run) -> undo.Key:
    return undo.Key(run.revision, WIDEN, f"{identifier(asked.constraint)} on {asked.subject}")


def _the_narrow_key(subject: str, constraint: str) -> str:
    """What has the constraint's name now, as jsonb; empty where nothing has."""
    return (
        "coalesce((SELECT jsonb_build_object('definition', pg_get_constraintdef(oid), "
        "'comment', obj_description(oid, 'pg_constraint')) FROM pg_constraint "
        f"WHERE conrelid = {literal(subject)}::regclass AND conname = {literal(constraint)}), '{{}}')"
    )


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
        if self.widened is None:
            raise UsageError(
                f"narrow_foreign_key of {self.subject} does not know what the foreign key refers to",
                mend="write the downgrade with op.widen_foreign_key by hand",
            )
        return self.widened
