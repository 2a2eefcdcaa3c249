"""`op.drop_redundant_index` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table, tell
from tsmigrate.sql import identifier, literal

DROP = "drop_redundant_index"

_FIND = """\
SELECT i.indexrelid AS oid, c.relam AS method, i.indnkeyatts AS keys, i.indclass AS classes,
       i.indcollation AS collations, i.indoption AS options, n.nspname AS schema,
       i.indisunique OR i.indisexclusion OR i.indisreplident AS needed,
       c.relkind = 'I' AS of_partitions,
       pg_get_indexdef(i.indexrelid) AS definition, s.spcname AS tablespace,
       i.indisclustered AS clustered, obj_description(i.indexrelid, 'pg_class') AS comment,
       (SELECT jsonb_agg(jsonb_build_object('place', a.attnum, 'target', a.attstattarget))
          FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0) AS statistics
  INTO found
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
 WHERE i.indrelid = {{table}}::regclass AND c.relname = {{index}};"""

_REMEMBERED = """\
jsonb_build_object('definition', found.definition, 'tablespace', found.tablespace, 'clustered', found.clustered,
                   'comment', found.comment, 'statistics', found.statistics)"""

# Another index serves as well when its key begins with this one's: same expressions, collations, operators and order.
_FIND_COVERING = """\
SELECT string_agg(format('%I', bc.relname), ', ') INTO covering
  FROM pg_index b
  JOIN pg_class bc ON bc.oid = b.indexrelid AND bc.relam = found.method
 WHERE b.indrelid = {{table}}::regclass AND b.indexrelid <> found.oid AND b.indisvalid AND b.indpred IS NULL
   AND b.indnkeyatts >= found.keys
   AND NOT EXISTS (
     SELECT FROM generate_series(1, found.keys) place
      WHERE pg_get_indexdef(b.indexrelid, place, true) <> pg_get_indexdef(found.oid, place, true)
         OR b.indclass[place - 1] <> found.classes[place - 1]
         OR b.indcollation[place - 1] <> found.collations[place - 1]
         OR b.indoption[place - 1] <> found.options[place - 1]);"""


@dataclass(frozen=True)
class _RedundantIndex(TableOperation):
    index: str

    def remembered_under(self, run: Run) -> undo.Key:
        return self.undo_key(run, f"{DROP} {identifier(self.index)}")

    def prepare(self, run: Run) -> str:
        locked = lock(self.subject, "ACCESS EXCLUSIVE", run.locking)
        return assemble("{{require_table}}\n{{lock}}", require_table=require_table(self.subject), lock=locked)


@operation
@dataclass(frozen=True)
class DropRedundantIndex(_RedundantIndex):
    """Drop an index that another one makes superfluous, and remember it for the downgrade.

    Refused unless another index of the table begins with the same key (columns or expressions, collations, operator
    classes, order) and holds every row; for an index that does more than find rows: a unique one, one behind a
    constraint, the replica identity; and for one of a natively partitioned table, whose partitions have theirs.
    """

    name = DROP

    @classmethod
    def drop_redundant_index(cls, operations: Operations, table: str, index: str, *, schema: str | None = None) -> None:
        """Drop an index of a table that another of its indexes covers."""
        operations.invoke(cls(table, schema, index))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  found record;
                  covering text;
                BEGIN
                  {{prepare}}
                  {{find}}
                  {{refuse_what_is_needed}}
                  {{find_covering}}
                  IF covering IS NULL THEN
                    {{not_covered}}
                  END IF;
                  {{tell_covering}}
                  {{remember}}
                  EXECUTE format('DROP INDEX %I.%I', found.schema, {{index}});
                END
                """,
                prepare=self.prepare(run),
                find=assemble(_FIND, table=literal(self.subject), index=literal(self.index)),
                refuse_what_is_needed=self._refuse_what_is_needed(),
                find_covering=assemble(_FIND_COVERING, table=literal(self.subject)),
                not_covered=refuse(
                    literal(f"no other index of {self.subject} begins with the key of {identifier(self.index)}"),
                    "keep it; if it is to go all the same, op.drop_index does that",
                ),
                tell_covering=tell(f"format('index %s is covered by %s', {literal(self._told)}, covering)"),
                remember=undo.remember(self.remembered_under(run), _REMEMBERED),
                index=literal(self.index),
            )
        ]

    @property
    def _told(self) -> str:
        return f"{identifier(self.index)} of {self.subject}"

    def _refuse_what_is_needed(self) -> str:
        return assemble(
            """
            IF found IS NULL OR found.oid IS NULL THEN
              {{missing}}
            END IF;
            IF found.needed THEN
              {{needed}}
            END IF;
            IF found.of_partitions THEN
              {{of_partitions}}
            END IF;
            """,
            missing=refuse(literal(f"there is no index {self._told}"), "correct the name in the revision"),
            needed=refuse(
                literal(
                    f"index {self._told} does more than find rows: it is unique, behind a constraint, or the identity"
                ),
                "keep it, or widen the key it belongs to: op.widen_unique_constraint",
            ),
            of_partitions=refuse(
                literal(f"index {self._told} has an index of each partition under it, which would not come back"),
                "drop it once the table is a hypertable: after op.create_hypertable",
            ),
        )

    def reverse(self) -> RestoreRedundantIndex:
        return RestoreRedundantIndex(self.table, self.schema, self.index)


@operation
@dataclass(frozen=True)
class RestoreRedundantIndex(_RedundantIndex):
    """Take `drop_redundant_index` back: the index as it was."""

    name = "restore_redundant_index"

    @classmethod
    def restore_redundant_index(
        cls, operations: Operations, table: str, index: str, *, schema: str | None = None
    ) -> None:
        """Create the index again that this revision's upgrade dropped."""
        operations.invoke(cls(table, schema, index))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.remembered_under(run)
        return [
            do_block(
                """
                DECLARE
                  remembered jsonb;
                  col record;
                  named text;
                  tablespace_before text := current_setting('default_tablespace');
                BEGIN
                  {{prepare}}
                  {{recall}}
                  {{insist}}
                  PERFORM set_config('default_tablespace', coalesce(remembered ->> 'tablespace', ''), true);
                  EXECUTE remembered ->> 'definition';
                  PERFORM set_config('default_tablespace', tablespace_before, true);
                  SELECT i.indexrelid::regclass::text INTO named
                    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                   WHERE i.indrelid = {{table}}::regclass AND c.relname = {{index}};
                  IF remembered ->> 'comment' IS NOT NULL THEN
                    EXECUTE format('COMMENT ON INDEX %s IS %L', named, remembered ->> 'comment');
                  END IF;
                  FOR col IN SELECT * FROM jsonb_to_recordset(nullif(remembered -> 'statistics', 'null'))
                             AS s(place int, target int) LOOP
                    EXECUTE format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', named, col.place, col.target);
                  END LOOP;
                  IF (remembered ->> 'clustered')::boolean THEN
                    EXECUTE format('ALTER TABLE %s CLUSTER ON %I', {{subject}}, {{index}});
                  END IF;
                END
                """,
                prepare=self.prepare(run),
                recall=undo.recall(key, "remembered"),
                insist=undo.insist("remembered", key),
                table=literal(self.subject),
                index=literal(self.index),
                subject=literal(self.subject),
            )
        ]

    def reverse(self) -> DropRedundantIndex:
        return DropRedundantIndex(self.table, self.schema, self.index)
