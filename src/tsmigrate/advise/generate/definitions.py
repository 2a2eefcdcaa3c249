"""What revisions have to write down to the letter: definitions of keys, as this database has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection

from tsmigrate.catalog.relation import Relation
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import raw


@dataclass(frozen=True)
class Unique:
    """A unique index, or the constraint that it stands behind."""

    table: Relation
    name: str
    constraint: bool
    columns: tuple[str, ...]  # of a constraint
    definition: str  # of the index a whole statement, of a constraint what follows its name
    comment: str
    held: str  # what it does besides, that a definition does not say


@dataclass(frozen=True)
class ForeignKey:
    name: str
    table: Relation
    parent: Relation
    references: dict[str, str]
    definition: str
    comment: str
    on_delete: str | None
    on_update: str | None
    deferrable: bool
    initially_deferred: bool


@dataclass(frozen=True)
class Definitions:
    unique: tuple[Unique, ...]
    foreign_keys: tuple[ForeignKey, ...]  # of these tables, and to them

    def named(self, table: Relation, name: str) -> Unique | None:
        return next((each for each in self.unique if (each.table, each.name) == (table, name)), None)

    def keys_to(self, table: Relation) -> list[ForeignKey]:
        return [each for each in self.foreign_keys if each.parent == table]


def define(connection: Connection, tables: Iterable[int]) -> Definitions:
    listed = f"ARRAY[{', '.join(map(str, tables))}]::oid[]"
    return Definitions(
        tuple(_unique(row) for row in _asked(connection, "unique", listed)),
        tuple(_foreign_key(row) for row in _asked(connection, "foreign_keys", listed)),
    )


def _asked(connection: Connection, name: str, tables: str) -> Sequence[Any]:
    query = (files("tsmigrate.advise.generate") / "sql" / f"{name}.sql").read_text()
    # With no schema but pg_catalog in the path every name is written with its own.
    connection.execute(raw("SET LOCAL search_path = pg_catalog"))
    return connection.execute(raw(assemble(query, tables=tables))).all()


def _unique(row: Any) -> Unique:
    return Unique(
        Relation(row.schema, row.table),
        row.name,
        row.is_constraint,
        tuple(row.columns or ()),
        row.definition,
        row.comment or "",
        row.held or "",
    )


def _foreign_key(row: Any) -> ForeignKey:
    return ForeignKey(
        name=row.name,
        table=Relation(row.schema, row.table),
        parent=Relation(row.parent_schema, row.parent),
        references=dict(zip(row.columns, row.parent_columns, strict=True)),
        definition=row.definition,
        comment=row.comment or "",
        on_delete=row.on_delete,
        on_update=row.on_update,
        deferrable=row.is_deferrable,
        initially_deferred=row.is_deferred,
    )
