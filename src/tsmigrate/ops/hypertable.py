"""`op.create_hypertable` and its way back, `op.revert_hypertable`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.attach import attached
from tsmigrate.convert.blocks import name
from tsmigrate.convert.estimate import look
from tsmigrate.convert.in_place import hypertable
from tsmigrate.convert.request import HashDimension, HypertableRequest
from tsmigrate.convert.revert import RevertRequest, plain_table
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.progress import shown
from tsmigrate.ops.run import Run

CREATE = "create_hypertable"
METHODS: dict[str, Callable[[HypertableRequest], str]] = {
    "copy": hypertable,
    "attach": attached,
    "auto": partial(attached, or_copied=True),
}


@dataclass(frozen=True)
class _Conversion(TableOperation):
    @property
    def relation(self) -> Relation | str:
        return Relation(self.schema, self.table) if self.schema else self.table

    def accompanied(self, context: MigrationContext, run: Run) -> AbstractContextManager[None]:
        """What it comes to, and how far it is; nothing in `--sql`, nor of a table without rows."""
        connection = None if context.as_sql or not run.progress else context.connection
        return nullcontext() if connection is None else self._shown(connection, run)

    @abstractmethod
    def _shown(self, connection: Connection, run: Run) -> AbstractContextManager[None]: ...


@operation
@dataclass(frozen=True)
class CreateHypertable(_Conversion):
    """Make the table a hypertable, partitioned by `column` into chunks of `interval`.

    `interval` is a PostgreSQL interval such as `'1 day'` (a month counts as 30 days), or a whole number where the
    column is one. A table that holds rows needs `migrate_data=True`: they move into chunks under an exclusive lock, out
    of sight of the table's triggers, and are counted and checksummed before and after in the same transaction.
    `hash_dimension=("device", 4)` spreads each chunk by the hash of a column; `integer_now` names the function that
    tells the present of an integer column, with its schema (`"ledger.present"`) where the search path does not find it;
    `default_indexes=False` leaves out TimescaleDB's index on the column.

    `method="attach"` copies nothing (TimescaleDB Community 2.21 or later): the table itself becomes the first chunk of
    the hypertable, whatever it spans, and `revert_hypertable` gives the same table back. It is locked for about two
    scans of its rows. `method="auto"` attaches where that is possible, and says why where it copies instead, for which
    it needs `migrate_data=True`. A table without rows is the same either way.

    A natively partitioned table is taken too, and waits aside with its partitions for `revert_hypertable`. Its rows are
    copied; with `"attach"` or `"auto"` partitions that hold a finite range of `column` become chunks as they are, and
    why others are copied is told.

    Everything that would fail or lose something is refused before the first change, all reasons at once.
    """

    column: str
    interval: str | int
    migrate_data: bool = False
    hash_dimension: tuple[str, int] | None = None
    integer_now: str | None = None
    default_indexes: bool = True
    method: str = "copy"
    name = CREATE

    @classmethod
    def create_hypertable(
        cls,
        operations: Operations,
        table: str,
        column: str,
        interval: str | int,
        *,
        migrate_data: bool = False,
        hash_dimension: tuple[str, int] | None = None,
        integer_now: str | None = None,
        default_indexes: bool = True,
        method: str = "copy",
        schema: str | None = None,
    ) -> None:
        """Make a table a hypertable, with its rows."""
        operations.invoke(
            cls(table, schema, column, interval, migrate_data, hash_dimension, integer_now, default_indexes, method)
        )

    def statements(self, run: Run) -> Sequence[str]:
        if self.method not in METHODS:
            raise UsageError(
                f"create_hypertable of {self.subject} knows no method {self.method!r}",
                mend=f"use one of {', '.join(METHODS)}",
            )
        request = HypertableRequest(
            table=self.relation,
            column=self.column,
            interval=self.interval,
            key=self.undo_key(run, CREATE),
            migrate_data=self.migrate_data,
            hash_dimension=HashDimension(*self.hash_dimension) if self.hash_dimension else None,
            integer_now=self._function,
            default_indexes=self.default_indexes,
            locking=run.locking,
        )
        return [METHODS[self.method](request)]

    @property
    def _function(self) -> Relation | str | None:
        schema, dot, function = (self.integer_now or "").partition(".")
        return Relation(schema, function) if dot else self.integer_now

    def _shown(self, connection: Connection, run: Run) -> AbstractContextManager[None]:  # noqa: ARG002
        outlook = look(connection, name(self.relation), column=self.column)
        if outlook is None or not (self.migrate_data or self.method == "attach"):
            return nullcontext()
        return shown(connection, outlook, outlook.converting(attach=self.method != "copy"), into_chunks=True)

    def reverse(self) -> RevertHypertable:
        return RevertHypertable(self.table, self.schema, self)


@operation
@dataclass(frozen=True)
class RevertHypertable(_Conversion):
    """Take `create_hypertable` back: the plain table exactly as it was, with the rows as they are now.

    The rows move into a new table that gets everything the catalogs say of the hypertable (keys, indexes, triggers,
    sequences, policies, grants, comments, dependents); the catalogs are compared and the rows checksummed before the
    hypertable is dropped. Policies, continuous aggregates and compressed chunks must be taken back first.

    A table that was attached is detached: the same table comes back, and rows of other chunks move into it. Where its
    chunk is gone, or the table would differ from the hypertable, the rows are copied after all, and why is told.

    A table that was partitioned comes back with its partitions. Rows that none of them holds are refused.
    """

    created: CreateHypertable | None = field(default=None, metadata=NOT_WRITTEN)
    name = "revert_hypertable"

    @classmethod
    def revert_hypertable(cls, operations: Operations, table: str, *, schema: str | None = None) -> None:
        """Make a hypertable the plain table again that it was before this revision."""
        operations.invoke(cls(table, schema))

    def statements(self, run: Run) -> Sequence[str]:
        request = RevertRequest(table=self.relation, key=self.undo_key(run, CREATE), locking=run.locking)
        return [plain_table(request)]

    def _shown(self, connection: Connection, run: Run) -> AbstractContextManager[None]:
        outlook = look(connection, name(self.relation), key=self.undo_key(run, CREATE))
        return nullcontext() if outlook is None else shown(connection, outlook, outlook.reverting(), into_chunks=False)

    def reverse(self) -> CreateHypertable:
        return self.known(self.created, "how the hypertable was partitioned", "create_hypertable")
