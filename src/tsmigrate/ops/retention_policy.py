"""`op.add_retention_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import (
    FACTS,
    JOBS_OF_HOLDER,
    OWNER_CANNOT_LOG_IN,
    find_facts,
    refuse_all,
    require_span,
    size,
)
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, return_if_skipped
from tsmigrate.plpgsql import assemble, do_block, refuse, tell
from tsmigrate.sql import literal

ADD = "add_retention_policy"

_AGGREGATES = """\
timescaledb_information.continuous_aggregates a
  LEFT JOIN timescaledb_information.jobs p
    ON p.proc_name = 'policy_refresh_continuous_aggregate'
   AND (p.hypertable_schema, p.hypertable_name) IN
       ((a.materialization_hypertable_schema, a.materialization_hypertable_name), (a.view_schema, a.view_name))
 WHERE (a.hypertable_schema, a.hypertable_name) IN
       ((facts.holder_schema, facts.holder_name), (facts.schema, facts.name))"""

# Verified on 2.28: a refresh that reaches back beyond the dropped chunks deletes the buckets that they had given.
_REASONS = """\
SELECT 1, format('drop_after is %s, which is not positive', drop_after),
       'give the age at which rows may go'
 WHERE {{drop_after}} <= 0
UNION ALL
SELECT 1, format('schedule_interval is %s, which is not positive', schedule), 'give the time between two runs'
 WHERE schedule <= interval '0'
UNION ALL
SELECT 2, format('it has a retention policy, which drops after %s', config ->> 'drop_after'),
       'take that one away first: op.remove_retention_policy in the revision that added it, or SELECT '
       'remove_retention_policy(…)'
  FROM {{jobs}}
   AND j.proc_name = 'policy_retention'
UNION ALL
{{owner}}
UNION ALL
SELECT 4, format('its partition column %I is a number, and no function tells the present', facts.time_column),
       'give it one: op.create_hypertable(integer_now=…), or SELECT set_integer_now_func(…)'
 WHERE facts.by_number AND NOT facts.is_aggregate AND facts.integer_now_func IS NULL
UNION ALL
SELECT 5, format('the foreign key %I of %s points at it, and drop_chunks fails where one does', k.conname,
                 k.conrelid::regclass),
       format('op.drop_foreign_key_to(%L)', facts.name)
  FROM pg_constraint k
 WHERE k.contype = 'f' AND k.confrelid = facts.oid AND k.conparentid = 0
UNION ALL
SELECT 6, format('its continuous aggregate %I.%I is refreshed from %s on, which deletes the buckets whose rows were '
                 'dropped', a.view_schema, a.view_name, coalesce(p.config ->> 'start_offset', 'the beginning')),
       'let it be refreshed with a start_offset shorter than drop_after: op.remove_refresh_policy, then '
       'op.add_refresh_policy'
  FROM {{aggregates}}
   AND p.job_id IS NOT NULL
   AND ({{start}} IS NULL OR {{start}} >= {{drop_after}})
UNION ALL
SELECT 7, format('its continuous aggregate %I.%I is refreshed every %s, a window of only %s: rows between two '
                 'windows would be dropped and never be aggregated', a.view_schema, a.view_name, p.schedule_interval,
                 (p.config ->> 'start_offset')::interval - coalesce(p.config ->> 'end_offset', '0')::interval),
       'let it be refreshed more often than its window is long: op.remove_refresh_policy, then op.add_refresh_policy'
  FROM {{aggregates}}
   AND NOT facts.by_number AND {{start}} < {{drop_after}}
   AND {{start}} - coalesce({{end}}, 0) < extract(epoch FROM p.schedule_interval)
UNION ALL
SELECT 8, format('its columnstore policy waits %s, longer than rows are kept', {{after_text}}),
       'let it compress earlier, or keep the rows longer'
  FROM {{jobs}}
   AND j.proc_name = 'policy_compression' AND {{after}} > {{drop_after}}"""

# Numbers of slices are given out once, whether or not the chunk stays; compressed chunks have none.
_MEMORY = """\
jsonb_build_object(
  'chunks', {{chunks}},
  'last_slice', (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
                   FROM _timescaledb_catalog.dimension_slice_id_seq)
)"""
_CHUNKS = """\
(SELECT coalesce(jsonb_agg(jsonb_build_object(
          'schema', chunk_schema, 'name', chunk_name,
          'from', coalesce(to_jsonb(range_start), to_jsonb(range_start_integer)),
          'to', coalesce(to_jsonb(range_end), to_jsonb(range_end_integer)))), '[]')
   FROM timescaledb_information.chunks
  WHERE (hypertable_schema, hypertable_name) = (facts.holder_schema, facts.holder_name))"""


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
    ) -> None:
        """Drop chunks when all their rows are older than this."""
        operations.invoke(cls(table, schema, drop_after, schedule_interval))

    def statements(self, run: Run) -> Sequence[str]:
        schedule = "NULL" if self.schedule_interval is None else literal(self.schedule_interval)
        return [
            do_block(
                """
                DECLARE
                  {{facts}}
                  aggregate text;
                  drop_after text := {{drop_after}};
                  schedule interval := {{schedule}};
                BEGIN
                  {{require_support}}
                  {{find_facts}}
                  {{require_span}}
                  {{refuse_all}}
                  {{unrefreshed}}
                  {{remember}}
                  EXECUTE format('SELECT add_retention_policy($1, $2::%s, schedule_interval => $3)', facts.span_type)
                    USING facts.oid, drop_after, schedule;
                END
                """,
                facts=FACTS,
                drop_after=literal(str(self.drop_after)),
                schedule=schedule,
                require_support=require_support(self.key(run), run),
                find_facts=find_facts(self.subject),
                require_span=require_span("drop_after", "drop_after"),
                refuse_all=refuse_all(f"{self.subject} cannot have this retention policy", self._reasons()),
                unrefreshed=_unrefreshed(self.subject),
                remember=undo.remember(self.key(run), assemble(_MEMORY, chunks=_CHUNKS)),
            )
        ]

    def _reasons(self) -> str:
        after = "coalesce(j.config ->> 'compress_after', j.config ->> 'compress_created_before')"
        return assemble(
            _REASONS,
            drop_after=size("drop_after"),
            jobs=JOBS_OF_HOLDER,
            aggregates=_AGGREGATES,
            owner=OWNER_CANNOT_LOG_IN,
            start=size("p.config ->> 'start_offset'"),
            end=size("p.config ->> 'end_offset'"),
            after_text=after,
            after=size(after),
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
          SELECT format('%I.%I', a.view_schema, a.view_name) FROM {{aggregates}} AND p.job_id IS NULL
        LOOP
          {{tell}}
        END LOOP;
        """,
        aggregates=_AGGREGATES,
        tell=tell(message, "WARNING"),
    )


@operation
@dataclass(frozen=True)
class RemoveRetentionPolicy(_Retention):
    """Take `add_retention_policy` back: chunks stay from now on. What has been dropped does not come back.

    It is refused once chunks have been dropped, unless `tsmigrate.allow_data_loss` is true. A chunk that there was at
    the upgrade and is gone proves it. Chunks made since leave no trace, but for the numbers that TimescaleDB gives out
    once: where some are missing and the policy has run in the background, it may have dropped those chunks, and it is
    refused too. (They can as well have gone with an insert that was rolled back, or from another hypertable.)
    """

    added: AddRetentionPolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = "remove_retention_policy"

    @classmethod
    def remove_retention_policy(cls, operations: Operations, table: str, *, schema: str | None = None) -> None:
        """Remove the retention policy that this revision added."""
        operations.invoke(cls(table, schema))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  {{facts}}
                  before jsonb;
                  gone text;
                BEGIN
                  {{recall}}
                  {{insist}}
                  {{return_if_skipped}}
                  {{find_facts}}
                  {{find_gone}}
                  IF gone IS NULL THEN
                    {{removed}}
                  ELSE
                    {{lost}}
                  END IF;
                  PERFORM remove_retention_policy(facts.oid, if_exists => true);
                END
                """,
                facts=FACTS,
                recall=undo.recall(self.key(run), "before"),
                insist=undo.insist("before", self.key(run)),
                return_if_skipped=return_if_skipped("before"),
                find_facts=find_facts(self.subject),
                find_gone=_FIND_GONE,
                removed=tell(
                    literal(
                        f"the retention policy of {self.subject} goes; what it may have dropped does not come back"
                    ),
                    "WARNING",
                ),
                lost=self._lost(run),
            )
        ]

    def _lost(self, run: Run) -> str:
        message = f"format('%s, and the rows do not come back: %s', {literal(self.subject)}, gone)"
        if run.allow_data_loss:
            return tell(message, "WARNING")
        return refuse(
            message, "to go back without those rows, set tsmigrate.allow_data_loss = true (-x or alembic.ini)"
        )

    def reverse(self) -> AddRetentionPolicy:
        if self.added is None:
            raise UsageError(
                f"remove_retention_policy of {self.subject} does not know the policy",
                mend="write the downgrade with op.add_retention_policy by hand",
            )
        return self.added


# A chunk that was merged lives on in another of that time; one that was detached, as a table.
_FIND_GONE = """\
SELECT format('%s of the %s chunks that there were at the upgrade have been dropped', count(*),
              jsonb_array_length(before -> 'chunks'))
  INTO gone
  FROM (SELECT k ->> 'schema' AS schema, k ->> 'name' AS name, k ->> 'from' AS since, k ->> 'to' AS until
          FROM jsonb_array_elements(before -> 'chunks') AS k) AS c
 WHERE to_regclass(format('%I.%I', c.schema, c.name)) IS NULL
   AND NOT EXISTS (
     SELECT FROM timescaledb_information.chunks m
      WHERE (m.hypertable_schema, m.hypertable_name) = (facts.holder_schema, facts.holder_name)
        AND before -> 'chunks' @> jsonb_build_array(jsonb_build_object('schema', m.chunk_schema, 'name', m.chunk_name))
        AND CASE WHEN facts.by_number
                 THEN m.range_start_integer <= c.since::bigint AND m.range_end_integer >= c.until::bigint
                 ELSE m.range_start <= c.since::timestamptz AND m.range_end >= c.until::timestamptz END)
HAVING count(*) > 0;
IF gone IS NULL AND EXISTS (
  SELECT FROM timescaledb_information.job_stats s JOIN timescaledb_information.jobs j ON j.job_id = s.job_id
   WHERE j.proc_name = 'policy_retention' AND s.total_successes > 0
     AND (j.hypertable_schema, j.hypertable_name) IN
         ((facts.holder_schema, facts.holder_name), (facts.schema, facts.name))
) THEN
  SELECT format('chunks made since the upgrade may have been dropped: %s numbers of chunks are missing', missing)
    INTO gone
    FROM (SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
                    FROM _timescaledb_catalog.dimension_slice_id_seq)
                 - (before ->> 'last_slice')::bigint
                 - (SELECT count(*) FROM _timescaledb_catalog.dimension_slice
                     WHERE id > (before ->> 'last_slice')::bigint) AS missing) AS given_out
   WHERE missing > 0;
END IF;"""
