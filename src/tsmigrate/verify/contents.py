"""The rows and sequences of a database at one moment, and how two moments differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from tsmigrate import connect, undo
from tsmigrate.catalog import aggregates, checksum
from tsmigrate.catalog.checksum import Rows
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import Position, of_sequences
from tsmigrate.catalog.tables import user_tables
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

Columns = Mapping[Relation, Mapping[str, str]]  # of each table or aggregate: name → type

# As checksum reads them: stored columns.
_COLUMNS = text("""
SELECT a.attname, format_type(a.atttypid, NULL) AS type
FROM pg_attribute a
WHERE a.attrelid = to_regclass(:relation) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
ORDER BY a.attnum
""")


@dataclass(frozen=True)
class Contents:
    columns: Columns  # those that the rows were read by
    rows: Mapping[Relation, Rows]
    aggregates: frozenset[Relation]  # those of them that are continuous aggregates
    sequences: Mapping[Relation, Position]


def tables_of_the_user(connection: Connection, version_table: str) -> list[Relation]:
    """Neither Alembic's own nor what tsmigrate remembers for its downgrades: every revision changes those."""
    ours = {undo.SCHEMA, f"{undo.SCHEMA}_archive"}
    return [each for each in user_tables(connection) if each.schema not in ours and each.name != version_table]


def columns_of(database: DatabaseUrl, version_table: str) -> Columns:
    """Of the user's tables, and of what continuous aggregates have stored.

    Those rows may be all that is left of raw ones that retention dropped. What a real-time aggregate computes when it
    is read is not compared: it follows from the raw rows, which are, but for the last digits of a float's sum.
    """
    with connect.connection(database) as connection:
        tables = {table: table for table in tables_of_the_user(connection, version_table)}
        return {name: _columns(connection, place) for name, place in (tables | aggregates.stored(connection)).items()}


def _columns(connection: Connection, table: Relation) -> dict[str, str]:
    return {row.attname: row.type for row in connection.execute(_COLUMNS, {"relation": str(table)})}


def common(before: Columns, after: Columns) -> Columns:
    """The tables and columns that both have, of the same type: values of two types cannot be compared."""
    return {
        table: {name: kind for name, kind in columns.items() if after[table].get(name) == kind}
        for table, columns in before.items()
        if table in after
    }


def read(database: DatabaseUrl, columns: Columns) -> Contents:
    """Count and checksum of each table by these columns, and every sequence."""
    with connect.connection(database) as connection:
        stored = aggregates.stored(connection)
        rows = {name: _rows(connection, stored.get(name, name), list(names)) for name, names in columns.items()}
        return Contents(columns, rows, frozenset(stored), sequences=of_sequences(connection))


def _rows(connection: Connection, table: Relation, columns: list[str]) -> Rows:
    if columns:
        return checksum.of_table(connection, table.name, table.schema, columns)
    return Rows(count=int(connection.execute(raw(f"SELECT count(*) FROM {table}")).scalar_one()), checksum=0)


def differences(before: Contents, after: Contents) -> Iterator[str]:
    """A line for each table and sequence that both have and that changed. A missing one is the schema's difference."""
    yield from row_differences(before, after)
    for sequence, position in before.sequences.items():
        found = after.sequences.get(sequence)
        if found is not None and found != position:
            yield f"sequence {sequence}: {_said(position)} before, {_said(found)} after"


def row_differences(before: Contents, after: Contents) -> Iterator[str]:
    """Of the tables and aggregates alone."""
    for table, rows in before.rows.items():
        now = after.rows.get(table)
        if now is None or now == rows or before.columns[table] != after.columns[table]:
            continue
        kind = "what is stored of the continuous aggregate" if table in before.aggregates else "table"
        if now.count != rows.count:
            yield f"{kind} {table}: {rows.count} rows before, {now.count} after"
        else:
            yield f"{kind} {table}: {rows.count} rows before and after, and other values in them"


def _said(position: Position) -> str:
    return f"{'after' if position.is_called else 'at'} {position.last_value}"
