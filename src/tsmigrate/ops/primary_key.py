"""`op.widen_primary_key` and its way back, `op.narrow_primary_key`."""

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


@dataclass(frozen=True)
class _PrimaryKey(TableKey):
    keyword = "PRIMARY KEY"

    @property
    def condition(self) -> str:
        return "k.contype = 'p'"

    @property
    def described(self) -> str:
        return f"primary key of {self.subject}"

    def remembered_under(self, run: Run) -> undo.Key:
        return self.undo_key(run, "widen_primary_key")


@operation
@dataclass(frozen=True)
class WidenPrimaryKey(_PrimaryKey):
    """Replace the primary key by one that also holds the partition column.

    `columns` are all columns of the new key, in order. With `using_concurrent_index` the new key takes over a unique
    index on exactly those columns that CREATE UNIQUE INDEX CONCURRENTLY has built beforehand, and the lock is short.
    Refused while foreign keys point at the key, where a column has NULLs, and for a natively partitioned table, whose
    partitions have keys of their own.
    """

    columns: tuple[str, ...]
    using_concurrent_index: str | None = None
    name = "widen_primary_key"

    @classmethod
    def widen_primary_key(
        cls,
        operations: Operations,
        table: str,
        columns: Sequence[str],
        *,
        using_concurrent_index: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Add the partition column to the primary key of a table."""
        operations.invoke(cls(table, schema, tuple(columns), using_concurrent_index))

    def statements(self, run: Run) -> Sequence[str]:
        return widen(self, self.columns, self.using_concurrent_index, run)

    def reverse(self) -> NarrowPrimaryKey:
        return NarrowPrimaryKey(self.table, self.schema, self.columns, self.using_concurrent_index)


@operation
@dataclass(frozen=True)
class NarrowPrimaryKey(_PrimaryKey):
    """Take `widen_primary_key` back: the key as it was, after counting the rows that would break it.

    `columns` and `using_concurrent_index` are needed only to reverse this operation in turn.
    """

    columns: tuple[str, ...] = ()
    using_concurrent_index: str | None = None
    name = "narrow_primary_key"

    @classmethod
    def narrow_primary_key(
        cls,
        operations: Operations,
        table: str,
        *,
        columns: Sequence[str] = (),
        using_concurrent_index: str | None = None,
        schema: str | None = None,
    ) -> None:
        """Give a table back the primary key that this revision's upgrade widened."""
        operations.invoke(cls(table, schema, tuple(columns), using_concurrent_index))

    def statements(self, run: Run) -> Sequence[str]:
        return narrow(self, run)

    def reverse(self) -> WidenPrimaryKey:
        return WidenPrimaryKey(self.table, self.schema, columns_named(self, self.columns), self.using_concurrent_index)
