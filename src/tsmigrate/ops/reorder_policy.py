"""`op.add_reorder_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate.catalog.timescale import REORDER_POLICY
from tsmigrate.ops import emulate
from tsmigrate.ops.facts import find_hypertable
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.policy_removal import PolicyRemoval
from tsmigrate.ops.reasons import NOT_ITS_OWNER, OWNER_CANNOT_LOG_IN, Reason, has_policy
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import Span, looked_at, schedule
from tsmigrate.ops.support import (
    require_support,
    skip_with_upgrade,
)
from tsmigrate.plpgsql import TIMESCALE, assemble, do_block, lock
from tsmigrate.policies.state import Kind, Row, State
from tsmigrate.sql import identifier, literal
from tsmigrate.undo import Key

ADD, REMOVE = "add_reorder_policy", "remove_reorder_policy"


@operation
@dataclass(frozen=True)
class AddReorderPolicy(TableOperation):
    """Let a background job rewrite old chunks of a hypertable in the order of an index, each once.

    `index` is the name of an index of the hypertable, as the catalogs have it. `schedule_interval` says how often the
    job runs; TimescaleDB's default is half the interval of the chunks. A chunk is locked for writing while it is
    rewritten, and for reading at the end.

    The job runs as the table's owner, who must be able to log in. Refused where a policy is there already.
    """

    index: str
    schedule_interval: str | None = None
    name = ADD

    @classmethod
    def add_reorder_policy(
        cls,
        operations: Operations,
        table: str,
        index: str,
        *,
        schedule_interval: str | None = None,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Rewrite old chunks in the order of an index."""
        operations.invoke(cls(table, schema, index, schedule_interval, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        identifier(self.index)  # refuses what PostgreSQL would cut off
        key = self.undo_key(run, ADD)
        pause = schedule(self.schedule_interval)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  job int;
                  {{schedule}}
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{look}}
                  {{lock}}
                  EXECUTE format('SELECT %s.add_reorder_policy($1, $2)', {{timescale}})
                    INTO job USING facts.relation, {{index}}::name;
                  IF schedule IS NOT NULL THEN
                    EXECUTE format('SELECT %s.alter_job($1, schedule_interval => $2::interval)', {{timescale}})
                      USING job, schedule;
                  END IF;
                END
                """,
                schedule=pause.declaration,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, REMOVE), run),
                require_support=require_support(key, run, emulated=self._deferred(key, pause)),
                look=self._look(pause, _reasons(self.index)),
                # Two of these at once would both find no policy.
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking, only=True),
                index=literal(self.index),
                timescale=TIMESCALE,
            )
        ]

    def _look(self, pause: Span, reasons: Sequence[Reason]) -> str:
        return looked_at(f"{ADD} of {self.subject}", find_hypertable(self.subject), (pause,), reasons)

    def _deferred(self, key: Key, pause: Span) -> str:
        """Nothing runs: the schedule is kept with the rest for `promote`."""
        config = (
            f"jsonb_strip_nulls(jsonb_build_object('index_name', {literal(self.index)}, 'schedule_interval', schedule))"
        )
        row = Row(Kind.REORDER_POLICY, State.DEFERRED, "facts.relation", config)
        return assemble(
            """
            {{look}}
            {{enter}}
            """,
            look=emulate.begin(self._look(pause, emulate.reasons(_reasons(self.index)))),
            enter=emulate.entered(key, row),
        )

    def reverse(self) -> RemoveReorderPolicy:
        return RemoveReorderPolicy(self.table, self.schema, self)


_INDEXES = """\
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = facts.relation"""


def _reasons(index: str) -> tuple[Reason, ...]:
    return (
        NOT_ITS_OWNER,
        Reason(
            when=f"{literal(index)} NOT IN ({_INDEXES})",
            told=f"format('it has no index %I, but %s', {literal(index)}, coalesce((SELECT string_agg(quote_ident("
            f"relname), ', ' ORDER BY relname) FROM ({_INDEXES}) AS there), 'none'))",
            mend="name one of these, or create the index first",
        ),
        has_policy(
            "reorder",
            REORDER_POLICY,
            particulars="format('by %I', config ->> 'index_name')",
            removal="SELECT remove_reorder_policy(…)",
        ),
        OWNER_CANNOT_LOG_IN,
    )


@operation
@dataclass(frozen=True)
class RemoveReorderPolicy(PolicyRemoval):
    """Remove the reorder policy: in a downgrade what `add_reorder_policy` added, in an upgrade any.

    Chunks that were rewritten stay so.
    """

    added: AddReorderPolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = REMOVE
    added_by = ADD
    kind = Kind.REORDER_POLICY
    job = REORDER_POLICY
    remove = "PERFORM remove_reorder_policy(facts.relation);"

    @classmethod
    def remove_reorder_policy(
        cls, operations: Operations, table: str, *, schema: str | None = None, on_unsupported: str | None = None
    ) -> None:
        """Remove a hypertable's reorder policy."""
        operations.invoke(cls(table, schema, on_unsupported=on_unsupported))

    def find(self) -> str:
        return find_hypertable(self.subject)

    def reverse(self) -> AddReorderPolicy:
        return self.known(self.added, "the policy", "add_reorder_policy")
