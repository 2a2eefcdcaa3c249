"""`op.add_hash_dimension` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.revert import RevertRequest
from tsmigrate.convert.without_hash import without_hash_dimension
from tsmigrate.errors import UsageError
from tsmigrate.ops.dropped_chunks import chunks_replaced
from tsmigrate.ops.facts import OF_HOLDER, find_hypertable
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, Reason, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, do_block, lock
from tsmigrate.sql import identifier, literal

ADD = "add_hash_dimension"


@operation
@dataclass(frozen=True)
class AddHashDimension(TableOperation):
    """Spread the chunks that a hypertable makes from now on over `number` partitions, by the hash of `column`.

    Chunks that exist stay as they are, and hold the whole of their time. Every key has to have the column, as for
    `op.create_hypertable(hash_dimension=…)`. The table is locked against changes of its definition, not against
    reading and writing.

    TimescaleDB has no call to take a dimension away: `op.revert_hash_dimension` makes the hypertable anew.
    """

    column: str
    number: int
    name = ADD

    @classmethod
    def add_hash_dimension(
        cls, operations: Operations, table: str, column: str, number: int, *, schema: str | None = None
    ) -> None:
        """Spread a hypertable's chunks by the hash of a column too."""
        operations.invoke(cls(table, schema, column, number))

    def statements(self, run: Run) -> Sequence[str]:
        if not 1 <= self.number <= 32767:
            raise UsageError(
                f"{ADD} of {self.subject} cannot make {self.number} partitions", mend="give a number from 1 to 32767"
            )
        identifier(self.column)  # refuses what PostgreSQL would cut off
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  hashed record;
                BEGIN
                  {{find}}
                  {{find_column}}
                  {{reasons}}
                  {{lock}}
                  {{remember}}
                  PERFORM add_dimension(facts.relation, {{column}}, number_partitions => {{number}});
                END
                """,
                find=find_hypertable(self.subject),
                find_column=assemble(_FIND_COLUMN, column=literal(self.column)),
                reasons=refuse_all(f"{ADD} of {self.subject}", _reasons(self.column)),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking, only=True),
                remember=undo.remember(self.undo_key(run, ADD), f"jsonb_build_object('number', {self.number})"),
                column=literal(self.column),
                number=str(self.number),
            )
        ]

    def reverse(self) -> RevertHashDimension:
        return RevertHashDimension(self.table, self.schema, self.column, self.number)


_FIND_COLUMN = """\
SELECT attnum, attgenerated INTO hashed FROM pg_attribute
 WHERE attrelid = facts.relation AND attname = {{column}} AND attnum > 0 AND NOT attisdropped;"""


def _reasons(column: str) -> tuple[Reason, ...]:
    """What TimescaleDB refuses too, one thing at a time."""
    named = f"quote_ident({literal(column)})"
    return (
        NOT_ITS_OWNER,
        Reason(
            among="timescaledb_information.dimensions",
            when=f"{OF_HOLDER} AND dimension_number = 2",
            told="format('it has a second dimension already, by %I', column_name)",
            mend="set its number of partitions: op.set_hash_partitions; the column stays",
        ),
        Reason(
            when="hashed.attnum IS NULL",
            told=f"'it has no column ' || {named}",
            mend="correct the column's name in the revision; upper and lower case differ",
        ),
        Reason(
            when=f"facts.partition_column = {literal(column)}",
            told=f"{named} || ' is its partition column'",
            mend="name another column",
        ),
        Reason(
            when="hashed.attgenerated <> ''",
            told=f"{named} || ' is a generated column'",
            mend="name a column that is stored as it is written",
        ),
        Reason(
            among="pg_index i JOIN pg_class c ON c.oid = i.indexrelid",
            when="i.indrelid = facts.relation AND (i.indisunique OR i.indisexclusion) "
            "AND NOT hashed.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])",
            told=f"format('its key %I does not have %s (TS103)', c.relname, {named})",
            mend="add the column to the key",
        ),
    )


@operation
@dataclass(frozen=True)
class RevertHashDimension(TableOperation):
    """Take `add_hash_dimension` back: a hypertable without the dimension, with the same definitions and rows.

    The hypertable is made anew, for TimescaleDB takes no dimension away: its rows move twice, under an exclusive lock,
    and are counted and checksummed before and after, and definitions compared. It is refused, all reasons at once,
    where it would not come back as it was: while continuous aggregates, policies or a columnstore work on it, or where
    it has tablespaces, chunk skipping or the like. The dimension may then stay: `op.set_hash_partitions(…, 1)` spreads
    new chunks no more.

    `column` and `number`, which the upgrade had given, are needed only to reverse this operation in turn.
    """

    column: str | None = None
    number: int | None = None
    name = "revert_hash_dimension"

    @classmethod
    def revert_hash_dimension(
        cls,
        operations: Operations,
        table: str,
        *,
        column: str | None = None,
        number: int | None = None,
        schema: str | None = None,
    ) -> None:
        """Make a hypertable anew without the hash dimension that this revision gave it."""
        operations.invoke(cls(table, schema, column, number))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, ADD)
        relation = Relation(self.schema, self.table) if self.schema else self.table
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  added jsonb;
                  old_chunks text[];
                BEGIN
                  {{look}}
                  {{insist}}
                  {{find}}
                  {{reasons}}
                  SELECT coalesce(array_agg(format('%I.%I', chunk_schema, chunk_name)), '{}') INTO old_chunks
                    FROM timescaledb_information.chunks WHERE {{of_holder}};
                  {{made_anew}}
                  {{chunks_replaced}}
                END
                """,
                look=undo.look(key, "added"),
                insist=undo.insist("added", key),
                find=find_hypertable(self.subject),
                reasons=refuse_all(f"{self.name} of {self.subject}", _REASONS_AGAINST_MAKING_ANEW),
                # It looks for a row of its own, finds this one, which says nothing to it, and takes it away.
                of_holder=OF_HOLDER,
                made_anew=without_hash_dimension(RevertRequest(relation, key, run.locking)),
                chunks_replaced=chunks_replaced(self.subject, "old_chunks"),
            )
        ]

    def reverse(self) -> AddHashDimension:
        if self.column is None or self.number is None:
            raise UsageError(
                f"revert_hash_dimension of {self.subject} does not say which dimension the upgrade had added",
                mend="name it: column=…, number=…",
            )
        return AddHashDimension(self.table, self.schema, self.column, self.number)


_KEEP = "keep the dimension: op.set_hash_partitions(…, 1) spreads new chunks no more"
_TAKE_AWAY = f"take away what works on it, downgrade, and make it again; or {_KEEP}"

# What create_hypertable does not say again.
_FURTHER = """\
_timescaledb_catalog.hypertable h CROSS JOIN LATERAL (
  SELECT format('the tablespace %I', tablespace_name)
    FROM _timescaledb_catalog.tablespace WHERE hypertable_id = h.id
  UNION SELECT format('chunk skipping by %I', column_name)
    FROM _timescaledb_catalog.chunk_column_stats WHERE hypertable_id = h.id
  UNION SELECT format('a partitioning function of its own, %I.%I', partitioning_func_schema, partitioning_func)
    FROM _timescaledb_catalog.dimension
   WHERE hypertable_id = h.id AND interval_length IS NOT NULL AND partitioning_func IS NOT NULL
  UNION SELECT format('its chunks in the schema %I', h.associated_schema_name)
   WHERE h.associated_schema_name <> '_timescaledb_internal'
  UNION SELECT format('chunks whose names begin with %L', h.associated_table_prefix)
   WHERE h.associated_table_prefix <> '_hyper_' || h.id
  UNION SELECT format('%s dimensions', h.num_dimensions) WHERE h.num_dimensions > 2
) AS further (what)"""

_REASONS_AGAINST_MAKING_ANEW = (
    NOT_ITS_OWNER,
    Reason(
        among="timescaledb_information.continuous_aggregates",
        when="(hypertable_schema, hypertable_name) = (facts.schema, facts.name)",
        told="format('the continuous aggregate %I.%I reads it', view_schema, view_name)",
        mend=_TAKE_AWAY,
    ),
    Reason(
        among="timescaledb_information.jobs",
        when="(hypertable_schema, hypertable_name) = (facts.schema, facts.name) AND job_id >= 1000",
        told="format('the job %s (%s) works on it', job_id, proc_name)",
        mend=_TAKE_AWAY,
    ),
    Reason(when="facts.columnstore", told="'its columnstore is enabled'", mend=_TAKE_AWAY),
    Reason(
        among="tsmigrate.undo",
        when="operation = 'create_hypertable' AND to_regclass(subject) = facts.relation "
        "AND jsonb_array_length(definition #> '{partitioned,attached}') > 0",
        told="'chunks of it are partitions of the table that it was'",
        mend=_KEEP,
    ),
    Reason(
        among=_FURTHER,
        when="(h.schema_name, h.table_name) = (facts.schema, facts.name)",
        told="format('it has %s, which it would not have again', what)",
        mend=_KEEP,
    ),
)
