"""`op.add_refresh_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import ALWAYS_WRITTEN, NOT_WRITTEN, TableOperation, operation
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
from tsmigrate.plpgsql import assemble, do_block
from tsmigrate.sql import literal

ADD = "add_refresh_policy"

# A month counts as 30 days, as the server counts it here.
_REASONS = """\
SELECT 1, format('start_offset %s is not before end_offset %s', since, until),
       'both are ages: start_offset is the greater one'
 WHERE {{start}} <= {{end}}
UNION ALL
SELECT 2, format('from start_offset %s to end_offset %s is less than two buckets of %s', since, until, width),
       'make start_offset two buckets and end_offset long, or longer'
 WHERE {{start}} > {{end}} AND {{start}} - {{end}} < 2 * {{width}}
UNION ALL
SELECT 2, format('schedule_interval is %s, which is not positive', schedule), 'give the time between two runs'
 WHERE schedule <= interval '0'
UNION ALL
{{owner}}
UNION ALL
SELECT 4, format('it has a refresh policy, from %s to %s', coalesce(config ->> 'start_offset', 'the beginning'),
                 coalesce(config ->> 'end_offset', 'the end')),
       'take that one away first: op.remove_refresh_policy in the revision that added it, or SELECT '
       'remove_continuous_aggregate_policy(…)'
  FROM {{jobs}}
   AND j.proc_name = 'policy_refresh_continuous_aggregate'
UNION ALL
SELECT 5, format('retention drops the rows of %s, below it, after %s: a refresh from %s on deletes the buckets that '
                 'they gave', {{below}}, p.config ->> 'drop_after', coalesce(since, 'the beginning')),
       'make start_offset shorter than the age at which rows are dropped'
  FROM {{retention}}
   AND (since IS NULL OR {{start}} >= {{drop_after}})
UNION ALL
SELECT 6, format('retention drops the rows of %s, below it, and a refresh every %s of a window of %s leaves rows out '
                 'that are then gone', {{below}}, schedule, since::interval - coalesce(until, '0')::interval),
       'let it be refreshed more often than its window is long'
  FROM {{retention}}
   AND NOT facts.by_number AND {{start}} < {{drop_after}}
   AND {{start}} > coalesce({{end}}, 0)
   AND {{start}} - coalesce({{end}}, 0) < extract(epoch FROM schedule)"""

_RETENTION = """\
timescaledb_information.jobs p
  LEFT JOIN timescaledb_information.continuous_aggregates b
    ON (b.materialization_hypertable_schema, b.materialization_hypertable_name) =
       (facts.source_schema, facts.source_name)
 WHERE p.proc_name = 'policy_retention' AND p.config ->> 'drop_after' IS NOT NULL
   AND (p.hypertable_schema, p.hypertable_name) IN
       ((facts.source_schema, facts.source_name), (b.view_schema, b.view_name))"""


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
    ) -> None:
        """Refresh a continuous aggregate on a schedule."""
        operations.invoke(cls(name, schema, start_offset, end_offset, schedule_interval))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, ADD)
        since, until = (
            "NULL" if offset is None else literal(str(offset)) for offset in (self.start_offset, self.end_offset)
        )
        return [
            do_block(
                """
                DECLARE
                  {{facts}}
                  since text := {{since}};
                  until text := {{until}};
                  schedule interval := {{schedule}};
                  width text;
                BEGIN
                  {{require_support}}
                  {{find_facts}}
                  {{require_since}}
                  {{require_until}}
                  SELECT i.bucket_width INTO width
                    FROM _timescaledb_catalog.hypertable h, _timescaledb_functions.cagg_get_bucket_function_info(h.id) i
                   WHERE (h.schema_name, h.table_name) = (facts.holder_schema, facts.holder_name);
                  {{refuse_all}}
                  EXECUTE format('SELECT add_continuous_aggregate_policy($1, $2::%1$s, $3::%1$s, $4)', facts.span_type)
                    USING facts.oid, since, until, schedule;
                END
                """,
                facts=FACTS,
                since=since,
                until=until,
                schedule=literal(self.schedule_interval),
                require_support=require_support(key, run),
                find_facts=find_facts(self.subject, only_aggregates=True),
                require_since=require_span("start_offset", "since"),
                require_until=require_span("end_offset", "until"),
                refuse_all=refuse_all(f"{self.subject} cannot have this refresh policy", self._reasons()),
            )
        ]

    def _reasons(self) -> str:
        return assemble(
            _REASONS,
            start=size("since"),
            end=size("until"),
            width=size("width"),
            owner=OWNER_CANNOT_LOG_IN,
            jobs=JOBS_OF_HOLDER,
            retention=_RETENTION,
            drop_after=size("p.config ->> 'drop_after'"),
            below="format('%I.%I', coalesce(b.view_schema, facts.source_schema), "
            "coalesce(b.view_name, facts.source_name))",
        )

    def reverse(self) -> RemoveRefreshPolicy:
        return RemoveRefreshPolicy(self.table, self.schema, self)


@operation
@dataclass(frozen=True)
class RemoveRefreshPolicy(TableOperation):
    """Take `add_refresh_policy` back: the continuous aggregate is no longer refreshed by itself.

    What has been refreshed stays as it is.
    """

    added: AddRefreshPolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = "remove_refresh_policy"

    @classmethod
    def remove_refresh_policy(cls, operations: Operations, name: str, *, schema: str | None = None) -> None:
        """Remove the refresh policy that this revision added."""
        operations.invoke(cls(name, schema))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  {{facts}}
                  skipped jsonb;
                BEGIN
                  {{recall}}
                  {{return_if_skipped}}
                  {{find_facts}}
                  PERFORM remove_continuous_aggregate_policy(facts.oid, if_exists => true);
                END
                """,
                facts=FACTS,
                recall=undo.recall(self.undo_key(run, ADD), "skipped"),
                return_if_skipped=return_if_skipped("skipped"),
                find_facts=find_facts(self.subject, only_aggregates=True),
            )
        ]

    def reverse(self) -> AddRefreshPolicy:
        if self.added is None:
            raise UsageError(
                f"remove_refresh_policy of {self.subject} does not know the policy",
                mend="write the downgrade with op.add_refresh_policy by hand",
            )
        return self.added
