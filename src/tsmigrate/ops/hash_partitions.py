"""`op.set_hash_partitions` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.facts import OF_HOLDER, find_hypertable
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, Reason, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import do_block, lock
from tsmigrate.sql import literal

SET = "set_hash_partitions"

_PARTITIONS = f"""\
(SELECT num_partitions FROM timescaledb_information.dimensions
  WHERE {OF_HOLDER} AND dimension_number = 2)"""
"""An expression: how many there are now; NULL without a hash dimension."""


@operation
@dataclass(frozen=True)
class SetHashPartitions(TableOperation):
    """Spread the chunks of a hypertable's hash dimension over so many partitions, 1 to 32767, from now on.

    Chunks that exist stay as they are. A hash dimension comes with `op.create_hypertable` or `op.add_hash_dimension`.
    """

    number: int
    name = SET

    @classmethod
    def set_hash_partitions(cls, operations: Operations, table: str, number: int, *, schema: str | None = None) -> None:
        """Set the number of partitions of a hypertable's hash dimension."""
        operations.invoke(cls(table, schema, number))

    def statements(self, run: Run) -> Sequence[str]:
        if not 1 <= self.number <= 32767:
            raise UsageError(
                f"{SET} of {self.subject} cannot make {self.number} partitions", mend="give a number from 1 to 32767"
            )
        return [
            do_block(
                """
                DECLARE
                  facts record;
                BEGIN
                  {{find}}
                  {{reasons}}
                  {{lock}}
                  {{remember}}
                  PERFORM set_number_partitions(facts.relation, {{number}});
                END
                """,
                find=find_hypertable(self.subject),
                reasons=refuse_all(f"{SET} of {self.subject}", (NOT_ITS_OWNER, _NO_HASH_DIMENSION)),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking),
                remember=undo.remember(self.undo_key(run, SET), f"jsonb_build_object('number', {_PARTITIONS})"),
                number=str(self.number),
            )
        ]

    def reverse(self) -> RestoreHashPartitions:
        return RestoreHashPartitions(self.table, self.schema, self.number)


_NO_HASH_DIMENSION = Reason(
    when=f"{_PARTITIONS} IS NULL",
    told=literal("it has no hash dimension"),
    mend="add one: op.add_hash_dimension",
)


@operation
@dataclass(frozen=True)
class RestoreHashPartitions(TableOperation):
    """Take `set_hash_partitions` back: there are again as many as before the revision.

    `number`, which the upgrade had set, is needed only to reverse this operation in turn.
    """

    number: int | None = None
    name = "restore_hash_partitions"

    @classmethod
    def restore_hash_partitions(
        cls, operations: Operations, table: str, *, number: int | None = None, schema: str | None = None
    ) -> None:
        """Set the number of partitions of a hypertable's hash dimension back to what it was before this revision."""
        operations.invoke(cls(table, schema, number))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, SET)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                BEGIN
                  {{find}}
                  {{lock}}
                  {{recall}}
                  {{insist}}
                  PERFORM set_number_partitions(facts.relation, (before ->> 'number')::int);
                END
                """,
                find=find_hypertable(self.subject),
                lock=lock(self.subject, "SHARE UPDATE EXCLUSIVE", run.locking),
                recall=undo.recall(key, "before"),
                insist=undo.insist("before", key),
            )
        ]

    def reverse(self) -> SetHashPartitions:
        if self.number is None:
            raise UsageError(
                f"restore_hash_partitions of {self.subject} does not say how many the upgrade had set",
                mend="name it: number=…",
            )
        return SetHashPartitions(self.table, self.schema, self.number)
