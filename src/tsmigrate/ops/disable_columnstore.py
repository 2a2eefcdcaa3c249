"""`op.disable_columnstore`, whose way back is `op.set_columnstore`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate.ops import emulate
from tsmigrate.ops.columnstore import DISABLE, REASONS_AGAINST_DISABLING, SET, SetColumnstore, take_out_and_disable
from tsmigrate.ops.facts import HOLDER, find_hypertable_or_aggregate
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, skip_with_upgrade
from tsmigrate.plpgsql import assemble, do_block, lock
from tsmigrate.policies.state import Kind


@operation
@dataclass(frozen=True)
class DisableColumnstore(TableOperation):
    """Decompress the chunks of a hypertable or a continuous aggregate, in one transaction, and disable its columnstore.

    Refused while a policy would compress them again. Its reverse compresses nothing: a policy does.
    """

    was: SetColumnstore | None = field(default=None, metadata=NOT_WRITTEN)
    name = DISABLE

    @classmethod
    def disable_columnstore(
        cls, operations: Operations, table: str, *, schema: str | None = None, on_unsupported: str | None = None
    ) -> None:
        """Take all chunks out of a columnstore, and disable it."""
        operations.invoke(cls(table, schema, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  chunk text;
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{find}}
                  {{lock}}
                  IF facts.columnstore THEN
                    {{disable}}
                  END IF;
                END
                """,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, SET), run),
                require_support=require_support(self.undo_key(run, DISABLE), run, emulated=self._emulated(run)),
                find=find_hypertable_or_aggregate(self.subject),
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking, only=True, held_in=HOLDER),
                disable=take_out_and_disable(self),
            )
        ]

    def _emulated(self, run: Run) -> str:
        look = assemble(
            """
            {{find}}
            {{reasons}}
            """,
            find=find_hypertable_or_aggregate(self.subject),
            reasons=refuse_all(f"{DISABLE} of {self.subject}", REASONS_AGAINST_DISABLING[:2]),
        )
        return emulate.taken_away(Kind.COLUMNSTORE, self.undo_key(run, DISABLE), look)

    def reverse(self) -> SetColumnstore:
        return self.known(self.was, "how the columnstore was laid out", "set_columnstore")
