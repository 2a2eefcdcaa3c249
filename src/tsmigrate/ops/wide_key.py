"""What widening and narrowing a key have in common, be it a primary key or a unique constraint.

A hypertable's every key must hold the partition column. The widened key keeps the narrow one's name, options and
place, so that nothing else in the schema changes; what the narrow one was is remembered for the way back.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import TableOperation
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, lock, refuse
from tsmigrate.sql import literal

# The key as it is now. pg_get_indexdef gives an index's storage options, which pg_get_constraintdef leaves out.
_FIND_KEY = """\
SELECT k.conname AS name, k.conindid AS index_oid, k.condeferrable AS is_deferrable, k.condeferred AS is_deferred,
       obj_description(k.oid, 'pg_constraint') AS comment, obj_description(k.conindid, 'pg_class') AS index_comment,
       pg_get_indexdef(k.conindid) AS index, c.reloptions AS options, s.spcname AS tablespace,
       i.indisclustered AS clustered, i.indisreplident AS identifies, c.relkind = 'I' AS of_partitions,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY place) AS columns
  INTO key
  FROM pg_constraint k
  JOIN pg_index i ON i.indexrelid = k.conindid
  JOIN pg_class c ON c.oid = k.conindid
  LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
 WHERE k.conrelid = {{table}}::regclass AND {{condition}};
IF key IS NULL OR key.name IS NULL THEN
  {{no_key}}
END IF;"""

_AFTER_ADDING = """\
IF key.comment IS NOT NULL THEN
  EXECUTE format('COMMENT ON CONSTRAINT %I ON {{subject}} IS %L', key.name, key.comment);
END IF;
IF key.index_comment IS NOT NULL THEN
  EXECUTE (SELECT format('COMMENT ON INDEX %s IS %L', conindid::regclass, key.index_comment)
             FROM pg_constraint WHERE conrelid = {{table}}::regclass AND conname = key.name);
END IF;
IF key.clustered THEN
  EXECUTE format('ALTER TABLE {{subject}} CLUSTER ON %I', key.name);
END IF;
IF key.identifies THEN
  EXECUTE format('ALTER TABLE {{subject}} REPLICA IDENTITY USING INDEX %I', key.name);
END IF;"""

DEFERRABILITY = """\
CASE WHEN key.is_deferrable THEN ' DEFERRABLE' ELSE '' END
|| CASE WHEN key.is_deferred THEN ' INITIALLY DEFERRED' ELSE '' END"""
"""An expression: how the constraint of the record `key` ends."""


@dataclass(frozen=True)
class TableKey(TableOperation):
    """Which key."""

    keyword: ClassVar[str]

    @property
    @abstractmethod
    def condition(self) -> str:
        """By which it is found in pg_constraint k."""

    @property
    @abstractmethod
    def described(self) -> str:
        """For messages."""

    @abstractmethod
    def remembered_under(self, run: Run) -> undo.Key:
        """Where the upgrade leaves what the narrow key was."""

    def find(self) -> str:
        return assemble(
            _FIND_KEY,
            table=literal(self.subject),
            condition=self.condition,
            no_key=refuse(
                literal(f"there is no {self.described}"), "correct the revision, or leave this operation out"
            ),
        )

    def locked(self, run: Run) -> str:
        return lock(self.subject, "ACCESS EXCLUSIVE", run.locking)

    @property
    def subject_in_format(self) -> str:
        """The table's name inside a quoted format string of PL/pgSQL."""
        return self.subject.replace("'", "''").replace("%", "%%")

    def given_back(self) -> str:
        """To the constraint that was made anew, what ADD CONSTRAINT does not say of the one in the record `key`."""
        return assemble(_AFTER_ADDING, subject=self.subject_in_format, table=literal(self.subject))


def columns_named(key: TableKey, columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns:
        raise UsageError(
            f"{key.name} of the {key.described} does not say which columns the upgrade had widened it to",
            mend="name them: columns=…",
        )
    return columns
