"""What removing a columnstore policy and a reorder policy have in common: they leave nothing behind to ask about."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tsmigrate import undo
from tsmigrate.ops import emulate
from tsmigrate.ops.facts import HOLDER, policy
from tsmigrate.ops.operation import TableOperation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support_in_upgrade, taken_back
from tsmigrate.plpgsql import do_block, lock, tell
from tsmigrate.policies.state import Kind
from tsmigrate.sql import literal
from tsmigrate.undo import Key


@dataclass(frozen=True)
class PolicyRemoval(TableOperation):
    """In a downgrade it removes what `added_by` added, emulated or not; in an upgrade any."""

    added_by: ClassVar[str]
    kind: ClassVar[Kind]
    job: ClassVar[str]  # what TimescaleDB calls the procedure that it runs
    remove: ClassVar[str]  # a statement, of PL/pgSQL

    @abstractmethod
    def find(self) -> str:
        """Into `facts`, what the policy works on."""

    def statements(self, run: Run) -> Sequence[str]:
        added, removed = self.undo_key(run, self.added_by), self.undo_key(run, self.name)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                BEGIN
                  {{recall}}
                  {{taken_back}}
                  {{require_support}}
                  {{find}}
                  {{reasons}}
                  {{lock}}
                  IF EXISTS (SELECT FROM timescaledb_information.jobs WHERE {{policy}}) THEN
                    {{remove}}
                  ELSE
                    {{gone}}
                  END IF;
                END
                """,
                recall=undo.recall(added, "before"),
                taken_back=taken_back("before", added, run, self._emulated()),
                require_support=require_support_in_upgrade(removed, run, emulated=self._emulated(removed)),
                find=self.find(),
                reasons=refuse_all(f"{self.name} of {self.subject}", (NOT_ITS_OWNER,)),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking, only=True, held_in=HOLDER),
                policy=policy(self.job),
                remove=self.remove,
                gone=tell(literal(f"{self.subject} has no {self.kind} any more")),
            )
        ]

    def _emulated(self, key: Key | None = None) -> str:
        return emulate.taken_away(self.kind, key, self.find())
