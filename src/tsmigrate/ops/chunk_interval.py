"""`op.set_chunk_interval` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table
from tsmigrate.sql import literal

SET = "set_chunk_interval"


def _prepare(subject: str, run: Run) -> str:
    """Lock the table and read its first dimension into the record `dimension`."""
    return assemble(
        """
        {{require_table}}
        {{lock}}
        SELECT d.time_interval, d.integer_interval INTO dimension
          FROM timescaledb_information.dimensions d
          JOIN pg_namespace n ON n.nspname = d.hypertable_schema
          JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.hypertable_name
         WHERE c.oid = {{table}}::regclass AND d.dimension_number = 1;
        IF dimension IS NULL THEN
          {{not_a_hypertable}}
        END IF;
        """,
        require_table=require_table(subject),
        lock=lock(subject, "SHARE UPDATE EXCLUSIVE", run.locking),
        table=literal(subject),
        not_a_hypertable=refuse(literal(f"{subject} is not a hypertable"), "convert it first: op.create_hypertable"),
    )


def _apply(subject: str, interval: str) -> str:
    """Set the interval of the first dimension; `interval` is an expression of type text."""
    return assemble(
        """
        -- TimescaleDB 2.19 accepts zero and negative intervals.
        IF dimension.integer_interval IS NULL THEN
          IF ({{interval}})::interval <= interval '0' THEN
            {{not_positive}}
          END IF;
          PERFORM set_chunk_time_interval({{table}}::regclass, ({{interval}})::interval);
        ELSE
          IF ({{interval}})::bigint <= 0 THEN
            {{not_positive}}
          END IF;
          PERFORM set_chunk_time_interval({{table}}::regclass, ({{interval}})::bigint);
        END IF;
        """,
        table=literal(subject),
        interval=interval,
        not_positive=refuse(
            f"format('an interval of %s is not positive', {interval})", "give the time one chunk shall cover"
        ),
    )


@operation
@dataclass(frozen=True)
class SetChunkInterval(TableOperation):
    """Let chunks made from now on cover `interval`; those that exist keep theirs.

    `interval` is a PostgreSQL interval such as `'1 day'`, or a whole number where the partition column is one. A month
    counts as 30 days, as everywhere in TimescaleDB.
    """

    interval: str | int
    name = SET

    @classmethod
    def set_chunk_interval(
        cls, operations: Operations, table: str, interval: str | int, *, schema: str | None = None
    ) -> None:
        """Set the interval of the chunks that a hypertable makes from now on."""
        operations.invoke(cls(table, schema, interval))

    def statements(self, run: Run) -> Sequence[str]:
        before = (
            "jsonb_build_object('interval', coalesce(dimension.integer_interval::text, dimension.time_interval::text))"
        )
        return [
            do_block(
                """
                DECLARE
                  dimension record;
                BEGIN
                  {{prepare}}
                  {{remember}}
                  {{apply}}
                END
                """,
                prepare=_prepare(self.subject, run),
                remember=undo.remember(self.undo_key(run, SET), before),
                apply=_apply(self.subject, literal(str(self.interval))),
            )
        ]

    def reverse(self) -> RestoreChunkInterval:
        return RestoreChunkInterval(self.table, self.schema, self.interval)


@operation
@dataclass(frozen=True)
class RestoreChunkInterval(TableOperation):
    """Take `set_chunk_interval` back: the interval is again what it was before the revision.

    `interval`, which the upgrade had set, is needed only to reverse this operation in turn.
    """

    interval: str | int | None = None
    name = "restore_chunk_interval"

    @classmethod
    def restore_chunk_interval(
        cls, operations: Operations, table: str, *, interval: str | int | None = None, schema: str | None = None
    ) -> None:
        """Set the interval of a hypertable's chunks back to what it was before this revision."""
        operations.invoke(cls(table, schema, interval))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, SET)
        return [
            do_block(
                """
                DECLARE
                  dimension record;
                  before jsonb;
                BEGIN
                  {{prepare}}
                  {{recall}}
                  {{insist}}
                  {{apply}}
                END
                """,
                prepare=_prepare(self.subject, run),
                recall=undo.recall(key, "before"),
                insist=undo.insist("before", key),
                apply=_apply(self.subject, "before ->> 'interval'"),
            )
        ]

    def reverse(self) -> SetChunkInterval:
        if self.interval is None:
            raise UsageError(
                f"restore_chunk_interval of {self.subject} does not say which interval the upgrade had set",
                mend="name it: interval=…",
            )
        return SetChunkInterval(self.table, self.schema, self.interval)
