"""What revisions do besides tsmigrate's own operations: SQL as it stands, and an index built beside everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation

from tsmigrate import pysource

RAW = "from tsmigrate.sql import raw"
_WIDTH = pysource.WIDTH - 4  # Alembic indents what it is given


@dataclass(frozen=True)
class Sql(MigrateOperation):
    """A statement, and the one that takes it back. One of them may be empty: then nothing is done that way."""

    statement: str
    back: str

    def reverse(self) -> Sql:
        return Sql(self.back, self.statement)


@dataclass(frozen=True)
class ConcurrentIndex(MigrateOperation):
    """A unique index, built in transactions of its own: it is alone in its revision."""

    name: str
    table: str
    schema: str
    columns: Sequence[str]

    def reverse(self) -> DropConcurrentIndex:
        return DropConcurrentIndex(self)


@dataclass(frozen=True)
class DropConcurrentIndex(MigrateOperation):
    index: ConcurrentIndex

    def reverse(self) -> ConcurrentIndex:
        return self.index


@renderers.dispatch_for(Sql)
def _sql(_context: AutogenContext, operation: Sql) -> list[str]:
    if not operation.statement:
        return []
    # A colon in it is a colon, which only raw() leaves alone.
    made = pysource.call("raw", pysource.arguments(operation.statement), _WIDTH - len("op.execute()"))
    return [f"op.execute({made})"]


@renderers.dispatch_for(ConcurrentIndex)
def _concurrent(_context: AutogenContext, operation: ConcurrentIndex) -> str:
    create = pysource.call(
        "op.create_index",
        pysource.arguments(
            operation.name,
            operation.table,
            list(operation.columns),
            unique=True,
            schema=operation.schema,
            postgresql_concurrently=True,
        ),
        _WIDTH - 4,
    )
    # What a run that was cut off has left is invalid, and in the way.
    return _outside_a_transaction(_dropped(operation), create)


@renderers.dispatch_for(DropConcurrentIndex)
def _drop_concurrent(_context: AutogenContext, operation: DropConcurrentIndex) -> str:
    return _outside_a_transaction(_dropped(operation.index))


def _dropped(index: ConcurrentIndex) -> str:
    given = pysource.arguments(
        index.name, index.table, schema=index.schema, if_exists=True, postgresql_concurrently=True
    )
    return pysource.call("op.drop_index", given, _WIDTH - 4)


def _outside_a_transaction(*calls: str) -> str:
    return "with op.get_context().autocommit_block():\n" + indent("\n".join(calls), "    ")
