"""`op.add_reorder_policy` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.catalog.timescale import REORDER_POLICY
from tsmigrate.errors import UsageError
from tsmigrate.ops.facts import find_hypertable, policy
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, OWNER_CANNOT_LOG_IN, Reason, has_policy, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import schedule
from tsmigrate.ops.support import (
    require_support,
    require_support_in_upgrade,
    return_if_skipped,
    skip_with_upgrade,
)
from tsmigrate.plpgsql import do_block, lock, tell
from tsmigrate.sql import identifier, literal

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
    ) -> None:
        """Rewrite old chunks in the order of an index."""
        operations.invoke(cls(table, schema, index, schedule_interval))

    def statements(self, run: Run) -> Sequence[str]:
        identifier(self.index)  # refuses what PostgreSQL would cut off
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
                  {{find}}
                  {{read_schedule}}
                  {{reasons}}
                  {{lock}}
                  job := add_reorder_policy(facts.relation, {{index}});
                  IF schedule IS NOT NULL THEN
                    PERFORM alter_job(job, schedule_interval => schedule::interval);
                  END IF;
                END
                """,
                schedule=pause.declaration,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, REMOVE), run),
                require_support=require_support(self.undo_key(run, ADD), run),
                find=find_hypertable(self.subject),
                read_schedule=pause.read(),
                reasons=refuse_all(f"{ADD} of {self.subject}", (pause.reason, *_reasons(self.index))),
                # Two of these at once would both find no policy.
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking, only=True),
                index=literal(self.index),
            )
        ]

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
class RemoveReorderPolicy(TableOperation):
    """Remove the reorder policy: in a downgrade what `add_reorder_policy` added, in an upgrade any.

    Chunks that were rewritten stay so.
    """

    added: AddReorderPolicy | None = field(default=None, metadata=NOT_WRITTEN)
    name = REMOVE

    @classmethod
    def remove_reorder_policy(cls, operations: Operations, table: str, *, schema: str | None = None) -> None:
        """Remove a hypertable's reorder policy."""
        operations.invoke(cls(table, schema))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                BEGIN
                  {{recall}}
                  {{skipped}}
                  {{require_support}}
                  {{find}}
                  {{reasons}}
                  {{lock}}
                  IF EXISTS (SELECT FROM timescaledb_information.jobs WHERE {{policy}}) THEN
                    PERFORM remove_reorder_policy(facts.relation);
                  ELSE
                    {{gone}}
                  END IF;
                END
                """,
                recall=undo.recall(self.undo_key(run, ADD), "before"),
                skipped=return_if_skipped("before"),
                require_support=require_support_in_upgrade(self.undo_key(run, REMOVE), run),
                find=find_hypertable(self.subject),
                reasons=refuse_all(f"{self.name} of {self.subject}", (NOT_ITS_OWNER,)),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking, only=True),
                policy=policy(REORDER_POLICY),
                gone=tell(literal(f"{self.subject} has no reorder policy any more")),
            )
        ]

    def reverse(self) -> AddReorderPolicy:
        if self.added is None:
            raise UsageError(
                f"remove_reorder_policy of {self.subject} does not know the policy",
                mend="write the downgrade with op.add_reorder_policy by hand",
            )
        return self.added
