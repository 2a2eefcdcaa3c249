"""`op.add_columnstore_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.facts import (
    NO_COLUMNSTORE,
    NOT_ITS_OWNER,
    POLICY_OF_COLUMNSTORE,
    POLICY_OF_RETENTION,
    find_hypertable,
    policy_of,
)
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import Reason, refuse_for
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import INTEGER_NOW_MISSING, read_span
from tsmigrate.ops.support import INSTALLED_VERSION, require_support, return_if_skipped
from tsmigrate.plpgsql import do_block, lock, tell
from tsmigrate.sql import literal

ADD = "add_columnstore_policy"


@operation
@dataclass(frozen=True)
class AddColumnstorePolicy(TableOperation):
    """Let a background job move chunks into the columnstore once all their rows are older than `after`.

    `after` is a PostgreSQL interval such as `'7 days'`, or a whole number where the partition column is one.
    `schedule_interval` says how often the job runs; TimescaleDB's default depends on the interval of the chunks.

    The job runs as the table's owner, who must be able to log in. Refused where a policy is there already, and where a
    retention policy would drop the chunks before they are old enough.
    """

    after: str | int
    schedule_interval: str | None = None
    name = ADD

    @classmethod
    def add_columnstore_policy(
        cls,
        operations: Operations,
        table: str,
        after: str | int,
        *,
        schedule_interval: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Move chunks into the columnstore once they are old enough."""
        operations.invoke(cls(table, schema, after, schedule_interval))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, ADD)
        return [
            do_block(
                """
                DECLARE
                  hypertable record;
                  after_time interval;
                  after_count bigint;
                  after_wrong text;
                  schedule_time interval;
                  schedule_count bigint;
                  schedule_wrong text;
                BEGIN
                  {{require_support}}
                  {{find}}
                  {{read_after}}
                  {{read_schedule}}
                  {{reasons}}
                  {{lock}}
                  IF {{version}} < ARRAY[2, 18] THEN
                    IF hypertable.counts THEN
                      PERFORM add_compression_policy(hypertable.relation, compress_after => after_count,
                                                     schedule_interval => schedule_time);
                    ELSE
                      PERFORM add_compression_policy(hypertable.relation, compress_after => after_time,
                                                     schedule_interval => schedule_time);
                    END IF;
                  ELSIF hypertable.counts THEN
                    CALL add_columnstore_policy(hypertable.relation, after => after_count,
                                                schedule_interval => schedule_time);
                  ELSE
                    CALL add_columnstore_policy(hypertable.relation, after => after_time,
                                                schedule_interval => schedule_time);
                  END IF;
                END
                """,
                require_support=require_support(key, run),
                find=find_hypertable(self.subject),
                read_after=read_span("after", self.after, counts="hypertable.counts"),
                read_schedule=""
                if self.schedule_interval is None
                else read_span("schedule", self.schedule_interval, counts="false"),
                reasons=refuse_for(f"{ADD} of {self.subject}", _REASONS),
                # Two of these at once would both find no policy.
                lock=lock(
                    self.subject,
                    "SHARE UPDATE EXCLUSIVE",
                    run.locking,
                    only=True,
                ),
                version=INSTALLED_VERSION,
            )
        ]

    def reverse(self) -> RemoveColumnstorePolicy:
        return RemoveColumnstorePolicy(self.table, self.schema, self)


_RETENTION = f"SELECT config ->> 'drop_after' FROM timescaledb_information.jobs WHERE {policy_of(POLICY_OF_RETENTION)}"

_REASONS = (
    NOT_ITS_OWNER,
    NO_COLUMNSTORE,
    Reason(
        when=f"EXISTS (SELECT FROM timescaledb_information.jobs WHERE {policy_of(POLICY_OF_COLUMNSTORE)})",
        told="'it has a columnstore policy already'",
        mend="remove that policy first: op.remove_columnstore_policy",
    ),
    Reason(
        when="after_wrong IS NOT NULL", told="after_wrong", mend="give the age at which chunks are compressed: after=…"
    ),
    Reason(
        when="schedule_wrong IS NOT NULL",
        told="schedule_wrong",
        mend="say how often it runs: schedule_interval='12 hours'",
    ),
    INTEGER_NOW_MISSING,
    Reason(
        when="NOT hypertable.owner_logs_in",
        told="format('its owner %I may not log in, and the policy''s job runs as the owner', hypertable.owner)",
        mend="ALTER ROLE … LOGIN, or give the table to a role that may log in",
    ),
    Reason(
        when="CASE WHEN after_wrong IS NOT NULL THEN false "
        f"WHEN hypertable.counts THEN after_count > ({_RETENTION})::bigint "
        f"ELSE after_time > ({_RETENTION})::interval END",
        told=f"format('its retention policy drops chunks after %s, before they would be compressed', ({_RETENTION}))",
        mend="compress chunks sooner: after=…, or keep them longer",
    ),
)


@operation
@dataclass(frozen=True)
class RemoveColumnstorePolicy(TableOperation):
    """Take `add_columnstore_policy` back: remove the policy. Chunks in the columnstore stay there."""

    added: AddColumnstorePolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = "remove_columnstore_policy"

    @classmethod
    def remove_columnstore_policy(cls, operations: Operations, table: str, *, schema: str | None = None) -> None:
        """Remove a hypertable's columnstore policy."""
        operations.invoke(cls(table, schema))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, ADD)
        return [
            do_block(
                """
                DECLARE
                  hypertable record;
                  before jsonb;
                BEGIN
                  {{recall}}
                  {{skipped}}
                  {{find}}
                  {{reasons}}
                  {{lock}}
                  IF NOT EXISTS (SELECT FROM timescaledb_information.jobs WHERE {{policy}}) THEN
                    {{gone}}
                  ELSIF {{version}} < ARRAY[2, 18] THEN
                    PERFORM remove_compression_policy(hypertable.relation);
                  ELSE
                    CALL remove_columnstore_policy(hypertable.relation);
                  END IF;
                END
                """,
                recall=undo.recall(key, "before"),
                skipped=return_if_skipped("before"),
                find=find_hypertable(self.subject),
                reasons=refuse_for(f"{self.name} of {self.subject}", (NOT_ITS_OWNER,)),
                policy=policy_of(POLICY_OF_COLUMNSTORE),
                gone=tell(literal(f"{self.subject} has no columnstore policy any more")),
                lock=lock(
                    self.subject,
                    "SHARE UPDATE EXCLUSIVE",
                    run.locking,
                    only=True,
                ),
                version=INSTALLED_VERSION,
            )
        ]

    def reverse(self) -> AddColumnstorePolicy:
        if self.added is None:
            raise UsageError(
                f"remove_columnstore_policy of {self.subject} does not know the policy",
                mend="write the downgrade with op.add_columnstore_policy by hand",
            )
        return self.added
