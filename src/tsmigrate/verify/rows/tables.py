"""What filling a table needs to know of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from tsmigrate.catalog.relation import Relation
from tsmigrate.verify.rows.types import Type, Types

_COLUMNS = text("""
SELECT a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull OR t.typnotnull AS required, a.atthasdef OR a.attidentity <> '' AS given_by_server,
       ARRAY(SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c
             WHERE c.contype = 'c' AND (c.conrelid = a.attrelid AND a.attnum = ANY (c.conkey) OR c.contypid = t.oid)
             ORDER BY c.oid) AS checks
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
""")
_FOREIGN_KEYS = text("""
SELECT n.nspname, p.relname,
       ARRAY(SELECT attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (num, place)
             JOIN pg_attribute ON attrelid = c.conrelid AND attnum = k.num ORDER BY place) AS columns,
       ARRAY(SELECT attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (num, place)
             JOIN pg_attribute ON attrelid = c.confrelid AND attnum = k.num ORDER BY place) AS referred
FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace
WHERE c.contype = 'f' AND c.conrelid = to_regclass(:table) AND c.conparentid = 0
ORDER BY c.conname COLLATE "C"
""")
_UNIQUE_KEYS = text("""
SELECT ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) AS k (place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.place]
             ORDER BY a.attname COLLATE "C") AS columns
FROM pg_index i
WHERE i.indrelid = to_regclass(:table) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY 1
""")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True)
class Column:
    name: str
    kind: Type
    type: str  # as SQL writes it
    required: bool
    given_by_server: bool  # a default, a sequence or an identity
    literals: tuple[str, ...]  # in its CHECKs: where those list what is allowed, these are the values

    @property
    def made(self) -> bool:
        """Times are made even where the server has a default: now() would put all rows into one chunk."""
        return not self.given_by_server or self.kind.category == "D"


@dataclass(frozen=True)
class ForeignKey:
    parent: Relation
    columns: tuple[str, ...]
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    relation: Relation
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    unique_keys: tuple[tuple[str, ...], ...]

    def needs(self, key: ForeignKey) -> bool:
        """Whether no row can be without this parent."""
        required = {column.name for column in self.columns if column.required}
        return required.issuperset(key.columns)


def read(connection: Connection, relations: Sequence[Relation]) -> list[Table]:
    types = Types(connection)
    return [_read(connection, relation, types) for relation in relations]


def _read(connection: Connection, relation: Relation, types: Types) -> Table:
    columns = tuple(
        Column(
            name=row.attname,
            kind=types.of(row.atttypid, row.atttypmod),
            type=row.type,
            required=row.required,
            given_by_server=row.given_by_server,
            literals=tuple(found.replace("''", "'") for check in row.checks for found in _LITERAL.findall(check)),
        )
        for row in connection.execute(_COLUMNS, {"table": str(relation)})
    )
    keys = tuple(
        ForeignKey(Relation(row.nspname, row.relname), tuple(row.columns), tuple(row.referred))
        for row in connection.execute(_FOREIGN_KEYS, {"table": str(relation)})
    )
    unique = tuple(tuple(row.columns) for row in connection.execute(_UNIQUE_KEYS, {"table": str(relation)}))
    return Table(relation, columns, keys, unique)


class Promises:
    """The keys that any revision so far gave a table: a row that breaks one could not go back to that revision.

    A revision may drop or widen a key. The application that wrote the rows before still keeps to it for a while, and so
    do made-up rows.
    """

    def __init__(self) -> None:
        self._seen: dict[Relation, Table] = {}

    def kept_by(self, tables: Sequence[Table]) -> list[Table]:
        """`tables` with the keys of earlier revisions beside today's, as far as their columns are still there."""
        relations = {table.relation for table in tables}
        return [self._kept_by(table, relations) for table in tables]

    def _kept_by(self, table: Table, relations: set[Relation]) -> Table:
        seen = self._seen.get(table.relation, table)
        names = {column.name for column in table.columns}
        foreign = [key for key in seen.foreign_keys if names.issuperset(key.columns) and key.parent in relations]
        unique = [key for key in seen.unique_keys if names.issuperset(key)]
        kept = replace(
            table,
            foreign_keys=tuple(dict.fromkeys((*table.foreign_keys, *foreign))),
            unique_keys=tuple(dict.fromkeys((*table.unique_keys, *unique))),
        )
        self._seen[table.relation] = kept
        return kept


def parents_first(tables: Sequence[Table]) -> list[Table]:
    """In the order of their foreign keys; those in a circle come last, for the server to judge."""
    waiting = list(tables)
    ordered: list[Table] = []
    while waiting:
        names = {table.relation for table in waiting}
        ready = [table for table in waiting if not _awaits(table, names, lambda *_: True)]
        ready = ready or [table for table in waiting if not _awaits(table, names, Table.needs)]
        ready = ready or waiting
        ordered += ready
        waiting = [table for table in waiting if table not in ready]
    return ordered


def _awaits(table: Table, waiting: set[Relation], counts: Callable[[Table, ForeignKey], bool]) -> bool:
    return any(key.parent in waiting - {table.relation} and counts(table, key) for key in table.foreign_keys)
