"""`op.add_partition_column` and its way back: a child table gets its parent's time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5

from alembic.operations import Operations

from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import NOT_WRITTEN, Run, TableOperation, operation
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table
from tsmigrate.sql import MAX_IDENTIFIER_BYTES, dollar_quoted, identifier, literal, qualified


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
    def parent_subject(self) -> str:
        return qualified(self.parent, self.parent_schema)

    def matches(self, child: str) -> str:
        """The condition under which the parent's row p belongs to `child`."""
        return " AND ".join(
            f"p.{identifier(theirs)} = {child}.{identifier(ours)}" for ours, theirs in self.references.items()
        )

    def statements(self, run: Run) -> Sequence[str]:
        if not self.references:
            raise UsageError(
                f"add_partition_column of {self.subject} does not say how its rows lead to {self.parent_subject}",
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
                  -- Hidden rows would stay unfilled: better an error than that.
                  PERFORM set_config('row_security', 'off', true);
                  EXECUTE format('ALTER TABLE {{subject}} ADD COLUMN {{column}} %s', kind);
                  {{triggers_off}}
                  EXECUTE {{fill}};
                  {{orphans}}
                  {{triggers_on}}
                  EXECUTE {{set_not_null}};
                  {{fill_inserts}}
                END
                """,
                require_table=require_table(self.subject),
                require_parent=require_table(self.parent_subject),
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking),
                find_type=self._find_type(),
                subject=self.subject.replace("'", "''").replace("%", "%%"),
                column=identifier(self.column).replace("'", "''").replace("%", "%%"),
                triggers_off=assemble(_TRIGGERS_OFF, subject=literal(self.subject)),
                fill=literal(
                    f"UPDATE {self.subject} AS c SET {identifier(self.column)} = p.{identifier(self.parent_column)} "
                    f"FROM {self.parent_subject} p WHERE {self.matches('c')}"
                ),
                orphans=self._fill_orphans(),
                triggers_on=assemble(_TRIGGERS_ON, subject=literal(self.subject)),
                set_not_null=literal(f"ALTER TABLE {self.subject} ALTER COLUMN {identifier(self.column)} SET NOT NULL"),
                fill_inserts=self._create_trigger() if self.fill_inserts else "",
            )
        ]

    def _find_type(self) -> str:
        theirs = ", ".join(map(literal, self.references.values()))
        return assemble(
            """
            SELECT format_type(atttypid, atttypmod) INTO kind FROM pg_attribute
             WHERE attrelid = {{parent}}::regclass AND attname = {{column}} AND attnum > 0 AND NOT attisdropped;
            IF kind IS NULL THEN
              {{no_column}}
            END IF;
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
            parent=literal(self.parent_subject),
            column=literal(self.parent_column),
            theirs=theirs,
            no_column=refuse(
                literal(f"{self.parent_subject} has no column {identifier(self.parent_column)}"),
                "correct parent_column in the revision",
            ),
            ambiguous=refuse(
                literal(f"({', '.join(self.references.values())}) is not unique in {self.parent_subject}"),
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
                f"{literal(self.parent_subject)})",
                "delete them, or say in SQL what they get: orphans=…",
            ),
        )

    @property
    def trigger(self) -> str:
        """The name of the trigger and its function, which fits whatever the table's name is."""
        name = f"{self.table}_fill_{self.column}"
        if len(name.encode()) <= MAX_IDENTIFIER_BYTES:
            return name
        return f"fill_{md5(name.encode(), usedforsecurity=False).hexdigest()}"

    def _create_trigger(self) -> str:
        function = qualified(self.trigger, self.schema)
        body = assemble(
            """
            BEGIN
              IF NEW.{{column}} IS NULL THEN
                SELECT p.{{parent_column}} INTO NEW.{{column}} FROM {{parent}} p WHERE {{matches}};
              END IF;
              RETURN NEW;
            END
            """,
            column=identifier(self.column),
            parent_column=identifier(self.parent_column),
            parent=self.parent_subject,
            matches=self.matches("NEW"),
        )
        # Without a schema the parent is found as the revision's own search path finds it.
        path = "SET search_path = pg_catalog, pg_temp" if self.parent_schema else "SET search_path FROM CURRENT"
        create = f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql {path} AS {dollar_quoted(body)}"
        attach = (
            f"CREATE TRIGGER {identifier(self.trigger)} BEFORE INSERT ON {self.subject} "
            f"FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
        return f"EXECUTE {literal(create)};\nEXECUTE {literal(attach)};"

    def reverse(self) -> DropPartitionColumn:
        return DropPartitionColumn(self.table, self.schema, self.column, self.fill_inserts, self)


_TRIGGERS_OFF = """\
SELECT coalesce(jsonb_agg(jsonb_build_object('name', tgname, 'enabled', tgenabled)), '[]') INTO triggers
  FROM pg_trigger WHERE tgrelid = {{subject}}::regclass AND NOT tgisinternal AND tgenabled <> 'D';
FOR trig IN SELECT * FROM jsonb_to_recordset(triggers) AS t(name text) LOOP
  EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', {{subject}}, trig.name);
END LOOP;"""

_TRIGGERS_ON = """\
FOR trig IN SELECT * FROM jsonb_to_recordset(triggers) AS t(name text, enabled text) LOOP
  EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', {{subject}},
                 CASE trig.enabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, trig.name);
END LOOP;"""


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
        trigger = AddPartitionColumn(self.table, self.schema, self.column, "", "", {}).trigger
        drop_trigger = (
            f"DROP TRIGGER {identifier(trigger)} ON {self.subject};\nDROP FUNCTION {qualified(trigger, self.schema)}();"
        )
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
                drop_trigger=drop_trigger if self.fill_inserts else "",
                subject=self.subject,
                column=identifier(self.column),
            )
        ]

    def reverse(self) -> AddPartitionColumn:
        if self.added is None:
            raise UsageError(
                f"drop_partition_column of {self.subject} does not know what the column copied",
                mend="write the downgrade with op.add_partition_column by hand",
            )
        return self.added
