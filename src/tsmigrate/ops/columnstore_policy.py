"""`op.add_columnstore_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate.catalog.timescale import COLUMNSTORE_POLICY, RETENTION_POLICY
from tsmigrate.ops import emulate
from tsmigrate.ops.facts import HOLDER, find_hypertable_or_aggregate, policy
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.policy_removal import PolicyRemoval
from tsmigrate.ops.reasons import (
    INTEGER_NOW_MISSING,
    NO_COLUMNSTORE,
    NOT_ITS_OWNER,
    OWNER_CANNOT_LOG_IN,
    Reason,
    has_policy,
)
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import Span, looked_at, schedule, size
from tsmigrate.ops.support import (
    INSTALLED_VERSION,
    require_support,
    skip_with_upgrade,
)
from tsmigrate.plpgsql import TIMESCALE, assemble, do_block, lock
from tsmigrate.policies.state import Kind, Row, State
from tsmigrate.undo import Key

ADD, REMOVE = "add_columnstore_policy", "remove_columnstore_policy"


@operation
@dataclass(frozen=True)
class AddColumnstorePolicy(TableOperation):
    """Let a background job move chunks into the columnstore once all their rows are older than `after`.

    `after` is a PostgreSQL interval such as `'7 days'`, or a whole number where the partition column is one.
    `schedule_interval` says how often the job runs; TimescaleDB's default depends on the interval of the chunks.

    The chunks are those of a hypertable or of a continuous aggregate; of this, give more than the `start_offset` of its
    refresh policy, which would write into the columnstore otherwise.

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
        on_unsupported: str | None = None,
    ) -> None:
        """Move chunks into the columnstore once they are old enough."""
        operations.invoke(cls(table, schema, after, schedule_interval, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, ADD)
        age = Span("after", "age", self.after, "give the age at which chunks are compressed: '7 days'")
        pause = schedule(self.schedule_interval)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  {{age}}
                  {{schedule}}
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{look}}
                  {{lock}}
                  EXECUTE format(CASE WHEN {{version}} < ARRAY[2, 18]
                                      THEN 'SELECT %s.add_compression_policy($1, compress_after'
                                      ELSE 'CALL %s.add_columnstore_policy($1, after' END
                                 || ' => $2::%s, schedule_interval => $3::interval)', {{timescale}}, facts.span_type)
                    USING facts.relation, age, schedule;
                END
                """,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, REMOVE), run),
                require_support=require_support(key, run, emulated=self._deferred(key, age, pause)),
                age=age.declaration,
                schedule=pause.declaration,
                look=self._look(age, pause, _REASONS),
                # Two of these at once would both find no policy.
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking, only=True, held_in=HOLDER),
                version=INSTALLED_VERSION,
                timescale=TIMESCALE,
            )
        ]

    def _look(self, age: Span, pause: Span, reasons: Sequence[Reason]) -> str:
        find = find_hypertable_or_aggregate(self.subject)
        return looked_at(f"{ADD} of {self.subject}", find, (age, pause), reasons)

    def _deferred(self, key: Key, age: Span, pause: Span) -> str:
        """Nothing runs: the schedule is kept with the rest for `promote`."""
        config = "jsonb_strip_nulls(jsonb_build_object('compress_after', age, 'schedule_interval', schedule))"
        row = Row(Kind.COLUMNSTORE_POLICY, State.DEFERRED, "facts.relation", config)
        return assemble(
            """
            {{look}}
            {{enter}}
            """,
            look=emulate.begin(self._look(age, pause, emulate.reasons(_REASONS))),
            enter=emulate.entered(key, row),
        )

    def reverse(self) -> RemoveColumnstorePolicy:
        return RemoveColumnstorePolicy(self.table, self.schema, self)


_DROP_AFTER = "config ->> 'drop_after'"

_REASONS = (
    NOT_ITS_OWNER,
    NO_COLUMNSTORE,
    has_policy(
        "columnstore",
        COLUMNSTORE_POLICY,
        particulars="format('which waits %s', coalesce(config ->> 'compress_after', "
        "config ->> 'compress_created_before'))",
        removal="CALL remove_columnstore_policy(…)",
    ),
    INTEGER_NOW_MISSING,
    OWNER_CANNOT_LOG_IN,
    Reason(
        among="timescaledb_information.jobs",
        when=f"CASE WHEN {policy(RETENTION_POLICY)} THEN {size('age')} > {size(_DROP_AFTER)} END",
        told=f"format('its retention policy drops chunks after %s, before they would be compressed', {_DROP_AFTER})",
        mend="compress chunks sooner: after=…, or keep them longer",
    ),
)


_REMOVE_BY_VERSION = f"""\
IF {INSTALLED_VERSION} < ARRAY[2, 18] THEN
  PERFORM remove_compression_policy(facts.relation);
ELSE
  CALL remove_columnstore_policy(facts.relation);
END IF;"""


@operation
@dataclass(frozen=True)
class RemoveColumnstorePolicy(PolicyRemoval):
    """Remove the columnstore policy: in a downgrade what `add_columnstore_policy` added, in an upgrade any.

    Chunks in the columnstore stay there.
    """

    added: AddColumnstorePolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = REMOVE
    added_by = ADD
    kind = Kind.COLUMNSTORE_POLICY
    job = COLUMNSTORE_POLICY
    remove = _REMOVE_BY_VERSION

    @classmethod
    def remove_columnstore_policy(
        cls, operations: Operations, table: str, *, schema: str | None = None, on_unsupported: str | None = None
    ) -> None:
        """Remove the columnstore policy of a hypertable or a continuous aggregate."""
        operations.invoke(cls(table, schema, on_unsupported=on_unsupported))

    def find(self) -> str:
        return find_hypertable_or_aggregate(self.subject)

    def reverse(self) -> AddColumnstorePolicy:
        return self.known(self.added, "the policy", "add_columnstore_policy")
