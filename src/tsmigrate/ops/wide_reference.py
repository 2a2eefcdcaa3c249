"""The steps by which a table comes to refer to a hypertable: pieces of the block of `op.widen_foreign_key`."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate import undo
from tsmigrate.ops.parent_time import ParentTime
from tsmigrate.plpgsql import Locking, assemble, lock, refuse, tell
from tsmigrate.sql import identifier, literal

PAGES_AT_ONCE = 4_096
"""Pages of the child that are filled in one transaction: 32 MB, some hundred thousand rows."""


@dataclass(frozen=True)
class WideReference:
    """The foreign key `constraint` from `time`'s table to its parent; `options` are those of its definition."""

    time: ParentTime
    constraint: str
    options: str
    locking: Locking

    def lock(self, mode: str) -> str:
        return lock(self.time.subject, mode, self.locking)

    def refuse_what_cannot_be(self) -> str:
        """Before the first change."""
        return assemble(
            """
            {{find_type}}
            {{find_nullable}}
            {{definitions}}
            {{rows}}
            """,
            find_type=self.time.find_type(),
            find_nullable=self.find_nullable(),
            definitions=self._refuse_definitions(),
            rows=self._refuse_rows(),
        )

    def _refuse_definitions(self) -> str:
        subject, parent = self.time.subject, self.time.parent_subject
        return assemble(
            """
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
            """,
            table=literal(subject),
            column=literal(self.time.column),
            parent=literal(parent),
            key=", ".join(map(literal, (*self.time.references.values(), self.time.parent_column))),
            several="true" if len(self.time.references) > 1 else "false",
            not_plain=refuse(
                literal(f"{subject} is not a plain table, which alone can refer to a hypertable"),
                "use op.drop_foreign_key_to: the reference stays, and is not checked",
            ),
            column_there=refuse(
                literal(f"{subject} has a column {identifier(self.time.column)} already"),
                "choose another name: the copy of the parent's time is added here",
            ),
            half_empty=refuse(
                literal(f"the columns {', '.join(self._ours)} of {subject} may be empty one without the other"),
                "make them NOT NULL first: a row that is half empty would not be checked",
            ),
            no_key=refuse(
                literal(f"{parent} has no key of exactly {', '.join(self._theirs)} and {self.time.parent_column}"),
                "widen it first: op.widen_primary_key or op.widen_unique_constraint",
            ),
        )

    def _refuse_rows(self) -> str:
        """One join tells both the rows without a parent and those with several."""
        time = self.time
        theirs = ", ".join(self._theirs)
        count = (
            f"SELECT count(*) FILTER (WHERE p.parents IS NULL), count(*) FILTER (WHERE p.parents > 1) "
            f"FROM {time.subject} c LEFT JOIN (SELECT {theirs}, count(*) AS parents "
            f"FROM {time.parent_subject} GROUP BY {theirs}) p ON {time.matches('c')} "
            f"WHERE {' AND '.join(f'c.{name} IS NOT NULL' for name in self._ours)}"
        )
        return assemble(
            """
            -- Hidden rows would stay unfilled: better an error than that.
            PERFORM set_config('row_security', 'off', true);
            EXECUTE {{count}} INTO number, ambiguous;
            IF number > 0 THEN
              {{orphans}}
            ELSIF ambiguous > 0 THEN
              {{several_parents}}
            END IF;
            """,
            count=literal(count),
            orphans=self._orphans_refused(),
            several_parents=refuse(
                f"format('%s rows of %s have several parents in %s', ambiguous, {literal(time.subject)}, "
                f"{literal(time.parent_subject)})",
                "delete the parents that should not be, or fill the column and add the foreign key by hand",
            ),
        )

    @property
    def _ours(self) -> list[str]:
        """The columns by which rows lead to their parents."""
        return [identifier(name) for name in self.time.references]

    @property
    def _theirs(self) -> list[str]:
        return [identifier(name) for name in self.time.references.values()]

    def find_nullable(self) -> str:
        ours = ", ".join(map(literal, self.time.references))
        return assemble(
            """
            nullable := EXISTS (
              SELECT FROM pg_attribute
               WHERE attrelid = {{table}}::regclass AND attname IN ({{ours}}) AND NOT attnotnull);
            """,
            table=literal(self.time.subject),
            ours=ours,
        )

    def begin(self, key: undo.Key) -> str:
        return assemble(
            """
            {{lock}}
            {{remember}}
            {{add_column}}
            {{create_trigger}}
            """,
            lock=self.lock("ACCESS EXCLUSIVE"),
            remember=undo.remember(key, self._the_narrow_key()),
            add_column=self.time.add_column(),
            create_trigger=self.time.create_trigger("INSERT OR UPDATE"),
        )

    def fill_in_batches(self) -> str:
        """A table with triggers of its own is locked against writers, a batch long, so that those do not see it."""
        batch = f" AND c.{identifier(self.time.column)} IS NULL AND c.ctid >= $1 AND c.ctid < $2"
        size = f"pg_relation_size({literal(self.time.subject)})"
        done = f"least((page + {PAGES_AT_ONCE}) * current_setting('block_size')::bigint, {size})"
        return assemble(
            """
            FOR page IN SELECT generate_series(0, {{size}} / current_setting('block_size')::int, {{pages}}) LOOP
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
              COMMIT;
              {{progress}}
            END LOOP;
            """,
            size=size,
            table=literal(self.time.subject),
            own=literal(self.time.trigger),
            lock=self.lock("SHARE ROW EXCLUSIVE"),
            triggers_off=self.time.triggers_off(),
            fill=literal(self.time.fill(batch)),
            pages=str(PAGES_AT_ONCE),
            triggers_on=self.time.triggers_on(),
            progress=tell(
                f"format('%s: filled %s of %s MB', {literal(self.time.subject)}, {done} >> 20, {size} >> 20)"
            ),
        )

    def refuse_orphans(self) -> str:
        """Again: rows can have lost their parent since."""
        filled = " AND ".join(f"{identifier(ours)} IS NOT NULL" for ours in self.time.references)
        count = f"SELECT count(*) FROM {self.time.subject} WHERE {filled} AND {identifier(self.time.column)} IS NULL"
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
            f"format('%s rows of %s have no parent in %s', number, {literal(self.time.subject)}, "
            f"{literal(self.time.parent_subject)})",
            "delete or correct them, then run the revision again",
        )

    def add(self, key: undo.Key) -> str:
        ours = ", ".join(identifier(name) for name in (*self.time.references, self.time.column))
        theirs = ", ".join(identifier(name) for name in (*self.time.references.values(), self.time.parent_column))
        add = (
            f"ALTER TABLE {self.time.subject} ADD CONSTRAINT {identifier(self.constraint)} FOREIGN KEY ({ours}) "
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
                self.time.subject,
                "SHARE ROW EXCLUSIVE",
                self.locking,
                and_those=f"SELECT {literal(self.time.parent_subject)}, 'SHARE ROW EXCLUSIVE'",
            ),
            subject=self.time.subject,
            constraint=identifier(self.constraint),
            add=literal(add),
            options=literal(f" {self.options} NOT VALID"),
            check=identifier(self.time.trigger),
            column=identifier(self.time.column),
            note=undo.amend(key, "'{\"added\": true}'"),
        )

    def validate(self) -> str:
        """Writers are not blocked meanwhile."""
        return assemble(
            """
            {{lock}}
            ALTER TABLE {{subject}} VALIDATE CONSTRAINT {{constraint}};
            COMMIT;
            IF NOT nullable THEN
              {{set_not_null}}
            END IF;
            """,
            lock=self.lock("SHARE UPDATE EXCLUSIVE"),
            subject=self.time.subject,
            constraint=identifier(self.constraint),
            set_not_null=self._set_not_null(),
        )

    def _set_not_null(self) -> str:
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
            table=literal(self.time.subject),
            name=literal(self.time.trigger),
            subject=self.time.subject,
            check=check,
            lock=self.lock("ACCESS EXCLUSIVE"),
            column=identifier(self.time.column),
        )

    def _the_narrow_key(self) -> str:
        """What has the constraint's name now, as jsonb; empty where nothing has."""
        return (
            "coalesce((SELECT jsonb_build_object('definition', pg_get_constraintdef(oid), "
            "'comment', obj_description(oid, 'pg_constraint')) FROM pg_constraint WHERE "
            f"conrelid = {literal(self.time.subject)}::regclass AND conname = {literal(self.constraint)}), '{{}}')"
        )
