"""Refuse to generate a revision that TimescaleDB will refuse to run, and say what works instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    MigrateOperation,
    MigrationScript,
    OpContainer,
    UpgradeOps,
)
from alembic.runtime.plugins import Plugin
from alembic.util import CommandError, DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, DefaultClause, Index

from tsmigrate.autogenerate import words
from tsmigrate.autogenerate.database import Database, database_of
from tsmigrate.catalog.constant import is_constant
from tsmigrate.catalog.timescale import Hypertable
from tsmigrate.ops.alter_compressed import AlterCompressed
from tsmigrate.ops.index_per_chunk import CreateIndexPerChunk
from tsmigrate.ops.operation import Operation
from tsmigrate.sql import identifier

HOOK = "process_revision_directives"


def setup(plugin: Plugin) -> None:
    plugin.add_autogenerate_comparator(
        _look_after_the_hook, "autogenerate", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )


def _look_after_the_hook(context: AutogenContext, _operations: UpgradeOps) -> PriorityDispatchResult:
    """Alembic next hands the operations to env.py's `process_revision_directives`, which may change them at will
    (to build every index CONCURRENTLY, say): they are looked at when it is done."""
    options = context.migration_context.opts
    given = options.get(HOOK)
    options[HOOK] = _Refusing(context, given.hook if isinstance(given, _Refusing) else given)
    return PriorityDispatchResult.CONTINUE


@dataclass(frozen=True)
class _Refusing:
    """env.py's hook, and then the refusals."""

    context: AutogenContext
    hook: Callable[..., None] | None

    def __call__(self, migration_context: MigrationContext, revision: Any, scripts: list[MigrationScript]) -> None:
        if self.hook:
            self.hook(migration_context, revision, scripts)
        # The last ones of each script are this database's: a multidb env.py collects those of several.
        refusals = [each for script in scripts for each in refuse(self.context, script.upgrade_ops_list[-1].ops)]
        if refusals:
            raise CommandError("TimescaleDB would refuse this revision:\n" + "\n".join(map(str, refusals)))


@dataclass(frozen=True)
class Refusal:
    found: str
    mend: str

    def __str__(self) -> str:
        return f"- {self.found}\n  mend: {self.mend}"


@dataclass(frozen=True)
class Subject:
    """The hypertable that an operation is about."""

    context: AutogenContext
    database: Database
    schema: str | None
    table: str
    hypertable: Hypertable

    def __str__(self) -> str:
        return f"hypertable {self.schema}.{self.table}" if self.schema else f"hypertable {self.table}"


def refuse(context: AutogenContext, operations: Iterable[MigrateOperation]) -> Iterator[Refusal]:
    for operation in _flat(operations):
        looks = _looks.get(type(operation), ())
        table = getattr(operation, "table_name", None)
        if not looks or table is None:
            continue
        database, schema = database_of(context), getattr(operation, "schema", None)
        hypertable = database.hypertable(table, schema)
        if hypertable is not None:
            subject = Subject(context, database, schema, table, hypertable)
            yield from filter(None, (look(subject, operation) for look in looks))


def _flat(operations: Iterable[MigrateOperation]) -> Iterator[MigrateOperation]:
    for operation in operations:
        if isinstance(operation, OpContainer):
            yield from _flat(operation.ops)
        else:
            yield operation


Look = Callable[[Subject, Any], Refusal | None]
_looks: dict[type[MigrateOperation], tuple[Look, ...]] = {}


def look_at(kind: type[MigrateOperation]) -> Callable[[Look], Look]:
    def register(look: Look) -> Look:
        _looks[kind] = (*_looks.get(kind, ()), look)
        return look

    return register


@look_at(CreateIndexOp)
def index_concurrently(subject: Subject, operation: CreateIndexOp) -> Refusal | None:
    if not operation.kw.get("postgresql_concurrently"):
        return None
    found = f"{subject}: index {operation.index_name} CONCURRENTLY; hypertables do not support that (0A000)"
    out = "take postgresql_concurrently out of it"
    if operation.unique:
        return Refusal(found, f"{out}: a unique index of a hypertable is built in one transaction")
    instead = _per_chunk(subject, operation.to_index())
    if instead is None:
        return Refusal(found, f"{out}; op.create_index then locks the table against writing")
    return Refusal(found, f"{out}, and write in a revision of its own: {_written(subject, instead)}")


def _per_chunk(subject: Subject, index: Index) -> CreateIndexPerChunk | None:
    """The operation that builds it a chunk at a time. None: it has no word for something of this index."""
    options = index.dialect_options["postgresql"]
    if options.get("include") or options.get("ops") or options.get("tablespace") or index.name is None:
        return None
    where = options.get("where")
    return CreateIndexPerChunk(
        subject.table,
        subject.schema,
        str(index.name),
        list(words.columns(index)),
        where=None if where is None else words.expression(where),
        using=options.get("using") or "btree",
        options=options.get("with") or None,
    )


@look_at(CreateIndexOp)
def unique_index_without_partition_column(subject: Subject, operation: CreateIndexOp) -> Refusal | None:
    if not operation.unique:
        return None
    index = operation.to_index()
    return _without_partition_column(
        subject,
        f"unique index {operation.index_name}",
        {column.name for column in index.columns if _is_key(index, column)},
    )


def _is_key(index: Index, column: Any) -> bool:
    """A column by itself, not one in an expression."""
    return any(column is expression for expression in index.expressions)


@look_at(CreateUniqueConstraintOp)
def unique_constraint_without_partition_column(subject: Subject, operation: CreateUniqueConstraintOp) -> Refusal | None:
    name = operation.constraint_name or f"({', '.join(operation.columns)})"
    return _without_partition_column(subject, f"unique constraint {name}", set(operation.columns))


def _without_partition_column(subject: Subject, what: str, key: set[str]) -> Refusal | None:
    missing = [name for name in subject.hypertable.partition_columns if name not in key]
    if not missing:
        return None
    columns = ", ".join(missing)
    return Refusal(
        f"{subject}: {what} is without {columns}, by which the table is partitioned (TS103)",
        f"add {columns} to it in the model; that it is unique without, the application has to see to",
    )


@look_at(AlterColumnOp)
def type_under_compressed_chunks(subject: Subject, operation: AlterColumnOp) -> Refusal | None:
    if operation.modify_type is None:
        return None
    if subject.hypertable.relation not in subject.database.with_compressed_chunks:
        return None
    column = identifier(operation.column_name)
    using = operation.kw.get("postgresql_using")
    after, before = map(words.column_type, (operation.modify_type, operation.existing_type))
    instead = AlterCompressed(
        subject.table,
        subject.schema,
        f"ALTER COLUMN {column} TYPE {after}" + (f" USING {using}" if using else ""),
        back=f"ALTER COLUMN {column} TYPE {before}",
    )
    return Refusal(
        f"{subject}: column {operation.column_name} becomes {after}, and there are compressed chunks (0A000)",
        f"write in a revision of its own: {_written(subject, instead)}",
    )


@look_at(AddColumnOp)
def identity_column(subject: Subject, operation: AddColumnOp) -> Refusal | None:
    if operation.column.identity is None:
        return None
    return Refusal(
        f"{subject}: column {operation.column.name} is new and an identity, which PostgreSQL adds to no table with "
        "chunks (42P16)",
        "let it be a plain column in the model, nullable=True; once it is there, a sequence's nextval() may be its "
        "server_default",
    )


@look_at(AddColumnOp)
def column_under_columnstore(subject: Subject, operation: AddColumnOp) -> Refusal | None:
    column = operation.column
    if subject.hypertable.columnstore is None or column.identity is not None:
        return None
    reason = _not_added_under_columnstore(subject, column)
    return reason and Refusal(
        f"{subject}: column {column.name} is new, {reason[0]}, and the columnstore is enabled (0A000)", reason[1]
    )


def _not_added_under_columnstore(subject: Subject, column: Column[Any]) -> tuple[str, str] | None:
    """What TimescaleDB has against it (2.28.3), and what works."""
    if column.computed is not None:
        return "generated", "let it be a plain column, nullable=True, that the application writes; or a view's"
    default = column.server_default
    if isinstance(default, DefaultClause):
        said = default.arg if isinstance(default.arg, str) else words.expression(default.arg)
        if isinstance(default.arg, str) or is_constant(subject.database.connection, said) is not False:
            return None
        return f"with the default {said}, which is no constant", _LATER
    if column.nullable:
        return None
    return (
        "NOT NULL and without a server default",
        "give it a constant server_default= in the model; or nullable=True now, and nullable=False once it is filled",
    )


_LATER = (
    "leave server_default out now (nullable=True), and give it once the column is there: rows that exist have NULL in "
    "it until they are filled; or give a constant"
)


def _written(subject: Subject, operation: Operation) -> str:
    """The call as a revision has it."""
    return "\n".join(renderers.dispatch(operation)(subject.context, operation))
