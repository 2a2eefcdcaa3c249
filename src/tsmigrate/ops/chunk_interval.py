"""`op.set_chunk_interval` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.facts import OF_HOLDER, find_hypertable
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import Span
from tsmigrate.plpgsql import do_block, lock

SET = "set_chunk_interval"


_INTERVAL = f"""\
(SELECT coalesce(integer_interval::text, time_interval::text)
   FROM timescaledb_information.dimensions WHERE {OF_HOLDER} AND dimension_number = 1)"""
"""An expression: what the interval is now."""

_APPLY = """\
EXECUTE format('SELECT set_chunk_time_interval($1, $2::%s)', facts.span_type) USING facts.relation, wanted;"""


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
        wanted = Span("interval", "wanted", self.interval, "give the time one chunk shall cover: '1 day'")
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  {{wanted}}
                BEGIN
                  {{find}}
                  {{read}}
                  {{reasons}}
                  {{lock}}
                  {{remember}}
                  {{apply}}
                END
                """,
                wanted=wanted.declaration,
                find=find_hypertable(self.subject),
                read=wanted.read(),
                reasons=refuse_all(f"{SET} of {self.subject}", (wanted.reason,)),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking),
                remember=undo.remember(self.undo_key(run, SET), f"jsonb_build_object('interval', {_INTERVAL})"),
                apply=_APPLY,
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
                  facts record;
                  before jsonb;
                  wanted text;
                BEGIN
                  {{find}}
                  {{lock}}
                  {{recall}}
                  {{insist}}
                  wanted := before ->> 'interval';
                  {{apply}}
                END
                """,
                find=find_hypertable(self.subject),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking),
                recall=undo.recall(key, "before"),
                insist=undo.insist("before", key),
                apply=_APPLY,
            )
        ]

    def reverse(self) -> SetChunkInterval:
        if self.interval is None:
            raise UsageError(
                f"restore_chunk_interval of {self.subject} does not say which interval the upgrade had set",
                mend="name it: interval=…",
            )
        return SetChunkInterval(self.table, self.schema, self.interval)
