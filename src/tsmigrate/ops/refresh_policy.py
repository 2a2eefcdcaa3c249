"""`op.add_refresh_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.catalog.timescale import REFRESH_POLICY, RETENTION_POLICY
from tsmigrate.ops import emulate
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.ops.operation import ALWAYS_WRITTEN, NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, OWNER_CANNOT_LOG_IN, Reason, has_policy
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import Span, looked_at, schedule, size
from tsmigrate.ops.support import (
    require_support,
    require_support_in_upgrade,
    skip_with_upgrade,
    taken_back,
)
from tsmigrate.plpgsql import TIMESCALE, assemble, do_block
from tsmigrate.policies.state import Kind, Row, State
from tsmigrate.sql import literal
from tsmigrate.undo import Key

ADD, REMOVE = "add_refresh_policy", "remove_refresh_policy"

# On the rows below: `b` is the aggregate that has them, if one does.
_RETENTION = """\
timescaledb_information.jobs p
  LEFT JOIN timescaledb_information.continuous_aggregates b
    ON (b.materialization_hypertable_schema, b.materialization_hypertable_name) =
       (facts.source_schema, facts.source_name)"""
_BELOW_IT = f"""\
p.proc_name = {literal(RETENTION_POLICY)} AND p.config ->> 'drop_after' IS NOT NULL
   AND (p.hypertable_schema, p.hypertable_name) IN
       ((facts.source_schema, facts.source_name), (b.view_schema, b.view_name))"""
_BELOW = "format('%I.%I', coalesce(b.view_schema, facts.source_schema), coalesce(b.view_name, facts.source_name))"

_SINCE, _UNTIL, _WIDTH, _DROP_AFTER = map(size, ("since", "until", "width", "p.config ->> 'drop_after'"))

_WIDTH_OF_BUCKETS = """\
SELECT i.bucket_width INTO width
  FROM _timescaledb_catalog.hypertable h, _timescaledb_functions.cagg_get_bucket_function_info(h.id) i
 WHERE (h.schema_name, h.table_name) = (facts.holder_schema, facts.holder_name);"""
_WIDTH_OF_EMULATED_BUCKETS = """\
SELECT config ->> 'width' INTO width FROM tsmigrate.policy WHERE relation = facts.relation AND kind = 'aggregate';"""

_OFFSET = "give an interval such as '3 months', or a whole number where the partition column is one"

_REASONS = (
    NOT_ITS_OWNER,
    Reason(
        when=f"{_SINCE} <= {_UNTIL}",
        told="format('start_offset %s is not before end_offset %s', since, until)",
        mend="both are ages: start_offset is the greater one",
    ),
    Reason(
        when=f"{_SINCE} > {_UNTIL} AND {_SINCE} - {_UNTIL} < 2 * {_WIDTH}",
        told="format('from start_offset %s to end_offset %s is less than two buckets of %s', since, until, width)",
        mend="make start_offset two buckets and end_offset long, or longer",
    ),
    OWNER_CANNOT_LOG_IN,
    has_policy(
        "refresh",
        REFRESH_POLICY,
        particulars="format('from %s to %s', coalesce(config ->> 'start_offset', 'the beginning'), "
        "coalesce(config ->> 'end_offset', 'the end'))",
        removal="SELECT remove_continuous_aggregate_policy(…)",
    ),
    Reason(
        among=_RETENTION,
        when=f"CASE WHEN {_BELOW_IT} AND since_wrong IS NULL THEN since IS NULL OR {_SINCE} >= {_DROP_AFTER} END",
        told=f"format('retention drops the rows of %s, below it, after %s: a refresh from %s on deletes the buckets "
        f"that they gave', {_BELOW}, p.config ->> 'drop_after', coalesce(since, 'the beginning'))",
        mend="make start_offset shorter than the age at which rows are dropped",
    ),
    Reason(
        among=_RETENTION,
        when=f"CASE WHEN {_BELOW_IT} AND NOT facts.by_number THEN {_SINCE} < {_DROP_AFTER} "
        f"AND {_SINCE} > coalesce({_UNTIL}, 0) "
        f"AND {_SINCE} - coalesce({_UNTIL}, 0) < {size('schedule', by_number='false')} END",
        told=f"format('retention drops the rows of %s, below it, and a refresh every %s of a window of %s leaves rows "
        f"out that are then gone', {_BELOW}, schedule, since::interval - coalesce(until, '0')::interval)",
        mend="let it be refreshed more often than its window is long",
    ),
)


@operation
@dataclass(frozen=True)
class AddRefreshPolicy(TableOperation):
    """Refresh a continuous aggregate every `schedule_interval`, from `start_offset` to `end_offset` before the present.

    The offsets are intervals, or whole numbers where the partition column is one; None is the beginning or the end of
    all time. Rows newer than `end_offset` are left to a later run; rows that change after `start_offset` never show.

    It is refused, all reasons at once, where the window holds less than two buckets; where retention drops the rows
    below before the window has passed them, because each refresh would delete the buckets of dropped rows; and where
    the policy would not run. An aggregate over another one is judged by retention on that one: what is dropped further
    below does not reach it.
    """

    start_offset: str | int | None = field(metadata=ALWAYS_WRITTEN)
    end_offset: str | int | None = field(metadata=ALWAYS_WRITTEN)
    schedule_interval: str
    name = ADD

    @classmethod
    def add_refresh_policy(
        cls,
        operations: Operations,
        name: str,
        start_offset: str | int | None,
        end_offset: str | int | None,
        schedule_interval: str,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Refresh a continuous aggregate on a schedule."""
        operations.invoke(cls(name, schema, start_offset, end_offset, schedule_interval, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, ADD)
        spans = (
            Span("start_offset", "since", self.start_offset, _OFFSET, refused=""),
            Span("end_offset", "until", self.end_offset, _OFFSET, refused=""),
            schedule(self.schedule_interval),
        )
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  {{spans}}
                  width text;
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{look}}
                  EXECUTE format('SELECT %1$s.add_continuous_aggregate_policy($1, $2::%2$s, $3::%2$s, $4::interval)',
                                 {{timescale}}, facts.span_type) USING facts.relation, since, until, schedule;
                END
                """,
                spans="\n".join(span.declaration for span in spans),
                timescale=TIMESCALE,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, REMOVE), run),
                require_support=require_support(key, run, emulated=self._emulated(key, spans)),
                look=self._look(spans, _REASONS, _WIDTH_OF_BUCKETS),
            )
        ]

    def _look(self, spans: Sequence[Span], reasons: Sequence[Reason], width: str) -> str:
        find = find_aggregate(self.subject)
        return looked_at(f"{ADD} of {self.subject}", find, spans, reasons, further=width)

    def _emulated(self, key: Key, spans: tuple[Span, ...]) -> str:
        row = Row(
            Kind.REFRESH,
            State.EMULATED,
            "facts.relation",
            config="jsonb_build_object('start_offset', since, 'end_offset', until)",
            every="schedule::interval",
        )
        return assemble(
            """
            {{look}}
            {{enter}}
            """,
            look=emulate.begin(self._look(spans, emulate.reasons(_REASONS), _WIDTH_OF_EMULATED_BUCKETS)),
            enter=emulate.entered(key, row),
        )

    def reverse(self) -> RemoveRefreshPolicy:
        return RemoveRefreshPolicy(self.table, self.schema, self)


@operation
@dataclass(frozen=True)
class RemoveRefreshPolicy(TableOperation):
    """Remove the refresh policy: in a downgrade what `add_refresh_policy` added, in an upgrade any.

    What has been refreshed stays as it is.
    """

    added: AddRefreshPolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = REMOVE

    @classmethod
    def remove_refresh_policy(
        cls, operations: Operations, name: str, *, schema: str | None = None, on_unsupported: str | None = None
    ) -> None:
        """Refresh a continuous aggregate no longer by itself."""
        operations.invoke(cls(name, schema, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  skipped jsonb;
                BEGIN
                  {{recall}}
                  {{taken_back}}
                  {{require_support}}
                  {{find}}
                  PERFORM remove_continuous_aggregate_policy(facts.relation, if_exists => true);
                END
                """,
                recall=undo.recall(self.undo_key(run, ADD), "skipped"),
                taken_back=taken_back("skipped", self.undo_key(run, ADD), run, self._emulated()),
                require_support=require_support_in_upgrade(
                    self.undo_key(run, REMOVE), run, emulated=self._emulated(self.undo_key(run, REMOVE))
                ),
                find=find_aggregate(self.subject),
            )
        ]

    def _emulated(self, key: Key | None = None) -> str:
        return emulate.taken_away(Kind.REFRESH, key, find_aggregate(self.subject))

    def reverse(self) -> AddRefreshPolicy:
        return self.known(self.added, "the policy", "add_refresh_policy")
