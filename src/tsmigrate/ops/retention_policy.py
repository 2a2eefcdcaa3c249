"""`op.add_retention_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.catalog.timescale import COLUMNSTORE_POLICY, REFRESH_POLICY, RETENTION_POLICY
from tsmigrate.ops import emulate
from tsmigrate.ops.dropped_chunks import ADD_RETENTION, FIND_GONE, FIND_KNOWN_GONE, MEMORY
from tsmigrate.ops.facts import find_hypertable_or_aggregate, policy
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import (
    INTEGER_NOW_MISSING,
    NOT_ITS_OWNER,
    OWNER_CANNOT_LOG_IN,
    Reason,
    has_policy,
)
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import Span, looked_at, schedule, size
from tsmigrate.ops.support import (
    require_support,
    require_support_in_upgrade,
    skip_with_upgrade,
    taken_back,
)
from tsmigrate.plpgsql import TIMESCALE, assemble, do_block, refuse, tell
from tsmigrate.policies.state import Kind, Row, State
from tsmigrate.sql import literal
from tsmigrate.undo import Key

EVERY = "1 day"
"""How often TimescaleDB drops chunks where nothing is said."""

ADD, REMOVE = ADD_RETENTION, "remove_retention_policy"

_AGGREGATES = f"""\
timescaledb_information.continuous_aggregates a
  LEFT JOIN timescaledb_information.jobs p
    ON p.proc_name = {literal(REFRESH_POLICY)}
   AND (p.hypertable_schema, p.hypertable_name) IN
       ((a.materialization_hypertable_schema, a.materialization_hypertable_name), (a.view_schema, a.view_name))"""
_OVER_IT = """\
(a.hypertable_schema, a.hypertable_name) IN ((facts.holder_schema, facts.holder_name), (facts.schema, facts.name))"""

_DROP_AFTER = size("drop_after")
_START, _END = (size(f"p.config ->> '{offset}_offset'") for offset in ("start", "end"))
_COMPRESS_AFTER = "coalesce(config ->> 'compress_after', config ->> 'compress_created_before')"

_REASONS = (
    NOT_ITS_OWNER,
    has_policy(
        "retention",
        RETENTION_POLICY,
        particulars="format('which drops after %s', coalesce(config ->> 'drop_after', "
        "config ->> 'drop_created_before'))",
        removal="SELECT remove_retention_policy(…)",
    ),
    OWNER_CANNOT_LOG_IN,
    INTEGER_NOW_MISSING,
    Reason(
        among="pg_constraint",
        when="contype = 'f' AND confrelid = facts.relation AND conparentid = 0",
        told="format('the foreign key %I of %s points at it, and drop_chunks fails where one does', conname, "
        "conrelid::regclass)",
        mend="op.drop_foreign_key_to(%L)",
        mend_with="facts.name",
    ),
    # Verified on 2.28: a refresh that reaches back beyond the dropped chunks deletes the buckets that they had given.
    Reason(
        among=_AGGREGATES,
        when=f"CASE WHEN {_OVER_IT} AND p.job_id IS NOT NULL THEN {_START} IS NULL OR {_START} >= {_DROP_AFTER} END",
        told="format('its continuous aggregate %I.%I is refreshed from %s on, which deletes the buckets whose rows "
        "were dropped', a.view_schema, a.view_name, coalesce(p.config ->> 'start_offset', 'the beginning'))",
        mend="let it be refreshed with a start_offset shorter than drop_after: op.remove_refresh_policy, then "
        "op.add_refresh_policy",
    ),
    Reason(
        among=_AGGREGATES,
        when=f"CASE WHEN {_OVER_IT} AND NOT facts.by_number THEN {_START} < {_DROP_AFTER} "
        f"AND {_START} - coalesce({_END}, 0) < extract(epoch FROM p.schedule_interval) END",
        told="format('its continuous aggregate %I.%I is refreshed every %s, a window of only %s: rows between two "
        "windows would be dropped and never be aggregated', a.view_schema, a.view_name, p.schedule_interval, "
        "(p.config ->> 'start_offset')::interval - coalesce(p.config ->> 'end_offset', '0')::interval)",
        mend="let it be refreshed more often than its window is long: op.remove_refresh_policy, then "
        "op.add_refresh_policy",
    ),
    Reason(
        among="timescaledb_information.jobs",
        when=f"CASE WHEN {policy(COLUMNSTORE_POLICY)} THEN {size(_COMPRESS_AFTER)} > {_DROP_AFTER} END",
        told=f"format('its columnstore policy waits %s, longer than rows are kept', {_COMPRESS_AFTER})",
        mend="let it compress earlier, or keep the rows longer",
    ),
)


@dataclass(frozen=True)
class _Retention(TableOperation):
    def key(self, run: Run) -> undo.Key:
        return self.undo_key(run, ADD)


@operation
@dataclass(frozen=True)
class AddRetentionPolicy(_Retention):
    """Let TimescaleDB drop the chunks of a hypertable or a continuous aggregate once all their rows are older.

    `drop_after` is an interval such as `'3 months'`, or a whole number where the partition column is one;
    `schedule_interval` is the time between two runs (a day, if not given).

    It is refused, all reasons at once, where it would destroy more than rows of that age: over a continuous aggregate
    whose refresh reaches back as far (TimescaleDB then deletes the buckets of the dropped rows, without a word) or
    whose refreshes leave gaps; where a foreign key points at the table, since no chunk could then be dropped; and where
    the policy would not run. An aggregate without a refresh policy is warned of.
    """

    drop_after: str | int
    schedule_interval: str | None = None
    name = ADD

    @classmethod
    def add_retention_policy(
        cls,
        operations: Operations,
        table: str,
        drop_after: str | int,
        schedule_interval: str | None = None,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Drop chunks when all their rows are older than this."""
        operations.invoke(cls(table, schema, drop_after, schedule_interval, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        age = Span("drop_after", "drop_after", self.drop_after, "give the age at which rows may go: '3 months'")
        pause = schedule(self.schedule_interval)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  aggregate text;
                  {{age}}
                  {{schedule}}
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{look}}
                  {{remember}}
                  EXECUTE format('SELECT %s.add_retention_policy($1, $2::%s, schedule_interval => $3::interval)',
                                 {{timescale}}, facts.span_type) USING facts.relation, drop_after, schedule;
                END
                """,
                age=age.declaration,
                schedule=pause.declaration,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, REMOVE), run),
                require_support=require_support(self.key(run), run, emulated=self._emulated(run, age, pause)),
                timescale=TIMESCALE,
                look=self._look(age, pause, _REASONS),
                remember=undo.remember(self.key(run), MEMORY),
            )
        ]

    def _look(self, age: Span, pause: Span, reasons: Sequence[Reason]) -> str:
        find = find_hypertable_or_aggregate(self.subject)
        looked = looked_at(f"{ADD} of {self.subject}", find, (age, pause), reasons)
        return f"{looked}\n{_unrefreshed(self.subject)}"

    def _emulated(self, run: Run, age: Span, pause: Span) -> str:
        row = Row(
            Kind.RETENTION,
            State.EMULATED,
            "facts.relation",
            config="jsonb_build_object('drop_after', drop_after)",
            every=f"coalesce(schedule::interval, {literal(EVERY)})",
        )
        return assemble(
            """
            {{look}}
            {{enter}}
            """,
            look=emulate.begin(self._look(age, pause, emulate.reasons(_REASONS))),
            enter=emulate.entered(self.key(run), row, memory=MEMORY),
        )

    def reverse(self) -> RemoveRetentionPolicy:
        return RemoveRetentionPolicy(self.table, self.schema, self)


def _unrefreshed(subject: str) -> str:
    """Warn of aggregates that nothing refreshes: their newest rows may go before they are aggregated."""
    message = (
        f"format('retention on %s drops rows whether or not %s holds them, which no policy refreshes', "
        f"{literal(subject)}, aggregate)"
    )
    return assemble(
        """
        FOR aggregate IN
          SELECT format('%I.%I', a.view_schema, a.view_name) FROM {{aggregates}}
           WHERE {{over_it}} AND p.job_id IS NULL
        LOOP
          {{tell}}
        END LOOP;
        """,
        aggregates=_AGGREGATES,
        over_it=_OVER_IT,
        tell=tell(message, "WARNING"),
    )


@operation
@dataclass(frozen=True)
class RemoveRetentionPolicy(_Retention):
    """Remove the retention policy: in a downgrade what `add_retention_policy` added, in an upgrade any.

    Chunks stay from now on; what has been dropped does not come back. A downgrade is refused once chunks have been
    dropped, unless `tsmigrate.allow_data_loss` is true. A chunk that there was at the upgrade and is gone proves it.
    Chunks made since leave no trace, but for the numbers that TimescaleDB gives out once: where some are missing and
    the policy has run in the background, it may have dropped those chunks, and it is refused too. (They can as well
    have gone with an insert that was rolled back, or from another hypertable.)
    """

    added: AddRetentionPolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = REMOVE

    @classmethod
    def remove_retention_policy(
        cls, operations: Operations, table: str, *, schema: str | None = None, on_unsupported: str | None = None
    ) -> None:
        """Remove the retention policy that this revision added."""
        operations.invoke(cls(table, schema, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                  gone text;
                BEGIN
                  {{recall}}
                  {{insist}}
                  {{taken_back}}
                  {{require_support}}
                  {{find}}
                  {{find_gone}}
                  IF gone IS NULL THEN
                    {{removed}}
                  ELSE
                    {{lost}}
                  END IF;
                  PERFORM remove_retention_policy(facts.relation, if_exists => true);
                END
                """,
                recall=undo.recall(self.key(run), "before"),
                insist=undo.insist("before", self.key(run)) if run.downgrading else "",
                taken_back=taken_back("before", self.key(run), run, self._emulated(run)),
                require_support=require_support_in_upgrade(
                    self.undo_key(run, REMOVE), run, emulated=self._emulated(run, self.undo_key(run, REMOVE))
                ),
                find=find_hypertable_or_aggregate(self.subject),
                find_gone=FIND_GONE,
                removed=self._told_removed,
                lost=self._lost(run),
            )
        ]

    @property
    def _told_removed(self) -> str:
        told = f"the retention policy of {self.subject} goes; what it may have dropped does not come back"
        return tell(literal(told), "WARNING")

    def _emulated(self, run: Run, key: Key | None = None) -> str:
        """`key`: what the downgrade of this is to find. What our own runner has dropped is known exactly."""
        return assemble(
            """
            {{begin}}
            IF gone IS NULL THEN
              SELECT format('%s of its chunks or buckets made since have been dropped', config ->> 'dropped') INTO gone
                FROM tsmigrate.policy
               WHERE relation = facts.relation AND kind = 'retention' AND (config ->> 'dropped')::bigint > 0;
            END IF;
            IF gone IS NULL THEN
              {{told_removed}}
            ELSE
              {{lost}}
            END IF;
            {{remember}}
            {{forget}}
            """,
            begin=emulate.begin(f"{find_hypertable_or_aggregate(self.subject)}\n{FIND_KNOWN_GONE}"),
            told_removed=self._told_removed,
            lost=self._lost(run),
            remember=emulate.remembered(key),
            forget=emulate.removed(Kind.RETENTION),
        )

    def _lost(self, run: Run) -> str:
        message = f"format('%s, and the rows do not come back: %s', {literal(self.subject)}, gone)"
        if run.allow_data_loss:
            return tell(message, "WARNING")
        return refuse(
            message, "to go back without those rows, set tsmigrate.allow_data_loss = true (-x or alembic.ini)"
        )

    def reverse(self) -> AddRetentionPolicy:
        return self.known(self.added, "the policy", "add_retention_policy")
