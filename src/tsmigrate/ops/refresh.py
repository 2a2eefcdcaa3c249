"""`op.refresh_continuous_aggregate`, and the way back, which leaves it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops import emulate
from tsmigrate.ops.buckets import find_lost_buckets, told_lost
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support
from tsmigrate.plpgsql import assemble, do_block, refuse
from tsmigrate.policies.refresh import refresh
from tsmigrate.sql import literal
from tsmigrate.undo import Key

REFRESH = "refresh_continuous_aggregate"


@operation
@dataclass(frozen=True)
class RefreshContinuousAggregate(TableOperation):
    """Bring the buckets of a continuous aggregate between `start` and `end` in line with the rows below it.

    Both are times such as `'2026-01-01'`, or whole numbers where the partition column is one; without them everything
    is refreshed. It runs outside of a transaction, alone in its revision, and can be run again at any time.

    TimescaleDB deletes a bucket whose rows are gone when a refresh covers it, without a word. So it is refused where
    the aggregate holds buckets in that window that the rows below can no longer give, as after retention.
    """

    start: str | int | None = None
    end: str | int | None = None
    name = REFRESH
    isolated = True

    @classmethod
    def refresh_continuous_aggregate(
        cls,
        operations: Operations,
        name: str,
        start: str | int | None = None,
        end: str | int | None = None,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Bring a continuous aggregate in line with the rows below it."""
        operations.invoke(cls(name, schema, start, end, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, REFRESH)
        start, end = ("NULL" if time is None else literal(str(time)) for time in (self.start, self.end))
        # A run that was skipped and cut off after that has left its row: the next one begins anew.
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  lost record;
                  earlier jsonb;
                BEGIN
                  {{recall}}
                  {{require_support}}
                  {{find}}
                  {{find_lost}}
                  IF lost.whole + lost.partly > 0 THEN
                    {{would_delete}}
                  END IF;
                  CALL refresh_continuous_aggregate({{aggregate}}::regclass, {{start}}, {{end}});
                END
                """,
                recall=undo.recall(key, "earlier"),
                require_support=require_support(key, run, emulated=self._emulated(key, start, end)),
                find=find_aggregate(self.subject),
                find_lost=find_lost_buckets(self.subject, since=start, until=end, changes_are_lost=False),
                would_delete=refuse(
                    f"{told_lost(self.subject)} || '; this refresh would destroy them'",
                    "refresh from a later start on, from where the rows below are all there: start=…",
                ),
                aggregate=literal(self.subject),
                start=start,
                end=end,
            )
        ]

    def _emulated(self, key: Key, start: str, end: str) -> str:
        """Never destroys: see `tsmigrate.policies.refresh`."""
        return assemble(
            """
            {{find}}
            {{refresh}}
            {{told}}
            """,
            find=emulate.begin(find_aggregate(self.subject)),
            refresh=refresh("facts.relation", f"{start}::text", f"{end}::text"),
            told=emulate.told(key, "emulated", "it is refreshed"),
        )

    def reverse(self) -> KeepRefreshed:
        return KeepRefreshed(self.table, self.schema, self)


@operation
@dataclass(frozen=True)
class KeepRefreshed(TableOperation):
    """Leave a continuous aggregate as `refresh_continuous_aggregate` made it: the downgrade changes nothing.

    A refresh only brings the aggregate in line with the rows below it, so that there is nothing to take back; what it
    held before was out of date.
    """

    refreshed: RefreshContinuousAggregate | None = field(default=None, metadata=NOT_WRITTEN)
    name = "keep_refreshed"

    @classmethod
    def keep_refreshed(cls, operations: Operations, name: str, *, schema: str | None = None) -> None:
        """Leave a continuous aggregate as this revision refreshed it."""
        operations.invoke(cls(name, schema))

    def statements(self, run: Run) -> Sequence[str]:
        return [undo.forget(self.undo_key(run, REFRESH))]

    def reverse(self) -> RefreshContinuousAggregate:
        return self.known(self.refreshed, "what was refreshed", "refresh_continuous_aggregate")
