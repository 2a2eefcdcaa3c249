"""`op.widen_unique_constraint` and its way back, `op.narrow_unique_constraint`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops.narrow_key import narrow
from tsmigrate.ops.operation import operation
from tsmigrate.ops.run import Run
from tsmigrate.ops.wide_key import TableKey, columns_named
from tsmigrate.ops.widen_key import widen
from tsmigrate.sql import identifier, literal


@dataclass(frozen=True)
class _UniqueConstraint(TableKey):
    constraint: str
    keyword = "UNIQUE"

    @property
    def condition(self) -> str:
        return f"k.contype = 'u' AND k.conname = {literal(self.constraint)}"

    @property
    def described(self) -> str:
        return f"unique constraint {identifier(self.constraint)} of {self.subject}"

    def remembered_under(self, run: Run) -> undo.Key:
        return self.undo_key(run, f"widen_unique_constraint {identifier(self.constraint)}")


@operation
@dataclass(frozen=True)
class WidenUniqueConstraint(_UniqueConstraint):
    """Replace a unique constraint by one that also holds the partition column; as `widen_primary_key`.

    From then on the constraint holds for the columns together: the narrow ones alone may repeat at different times.
    """

    columns: tuple[str, ...]
    using_concurrent_index: str | None = None
    name = "widen_unique_constraint"

    @classmethod
    def widen_unique_constraint(
        cls,
        operations: Operations,
        table: str,
        constraint: str,
        columns: Sequence[str],
        *,
        using_concurrent_index: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Add the partition column to a unique constraint of a table."""
        operations.invoke(cls(table, schema, constraint, tuple(columns), using_concurrent_index))

    def statements(self, run: Run) -> Sequence[str]:
        return widen(self, self.columns, self.using_concurrent_index, run)

    def reverse(self) -> NarrowUniqueConstraint:
        return NarrowUniqueConstraint(
            self.table, self.schema, self.constraint, self.columns, self.using_concurrent_index
        )


@operation
@dataclass(frozen=True)
class NarrowUniqueConstraint(_UniqueConstraint):
    """Take `widen_unique_constraint` back: the constraint as it was, after counting the rows that would break it.

    `columns` and `using_concurrent_index` are needed only to reverse this operation in turn.
    """

    columns: tuple[str, ...] = ()
    using_concurrent_index: str | None = None
    name = "narrow_unique_constraint"

    @classmethod
    def narrow_unique_constraint(
        cls,
        operations: Operations,
        table: str,
        constraint: str,
        *,
        columns: Sequence[str] = (),
        using_concurrent_index: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Give a table back the unique constraint that this revision's upgrade widened."""
        operations.invoke(cls(table, schema, constraint, tuple(columns), using_concurrent_index))

    def statements(self, run: Run) -> Sequence[str]:
        return narrow(self, run)

    def reverse(self) -> WidenUniqueConstraint:
        return WidenUniqueConstraint(
            self.table, self.schema, self.constraint, columns_named(self, self.columns), self.using_concurrent_index
        )
