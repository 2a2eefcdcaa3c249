"""Write made-up rows into every table that takes them, and say of the others why not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.catalog.relation import Relation
from tsmigrate.connect import reason_given
from tsmigrate.sql import identifier, literal, raw
from tsmigrate.verify.rows.tables import Column, ForeignKey, Promises, Table, parents_first, read
from tsmigrate.verify.rows.values import value

MORE = 10  # rows for a table that has some already: enough to see whether rows written since survive
_AT_ONCE = 500
_ATTEMPTS = 20  # rows to try one by one before a table is given up
_EMPTY_EVERY = 7  # rows; then what may be NULL is

Row = dict[str, str | None]
_Keys = list[tuple[str, ...]]


@dataclass(frozen=True)
class Filled:
    table: Relation
    rows: int
    reason: str  # why it holds none; empty where it does


class _CannotError(Exception):
    """No row can be made for this table."""


def fill(
    connection: Connection,
    relations: Sequence[Relation],
    rows: int,
    *,
    start: int,
    more: int = MORE,
    promises: Promises | None = None,
) -> list[Filled]:
    """`rows` for each table that is empty, up to `more` for the others, numbered from `start`. The caller commits.

    They keep to the keys of today and to those in `promises`.
    """
    if not rows:
        return []
    connection.execute(raw("SET CONSTRAINTS ALL IMMEDIATE"))  # a violation must show in the row's own savepoint
    tables = (promises or Promises()).kept_by(read(connection, relations))
    return [_fill(connection, table, rows, min(rows, more), start) for table in parents_first(tables)]


def _fill(connection: Connection, table: Table, rows: int, more: int, start: int) -> Filled:
    empty = not holds_rows(connection, table.relation)
    wanted = rows if empty else more
    try:
        made = _distinct(table, _rows(connection, table, wanted, start))
        written, reason = _write(connection, table, made)
    except _CannotError as error:
        written, reason = 0, str(error)
    return Filled(table.relation, written, reason if empty and not written else "")


def holds_rows(connection: Connection, table: Relation) -> bool:
    return bool(connection.execute(raw(f"SELECT EXISTS (SELECT FROM {table})")).scalar_one())


def _rows(connection: Connection, table: Table, wanted: int, start: int) -> Iterator[Row]:
    parents = [(key, _parents(connection, table, key, wanted)) for key in table.foreign_keys]
    referring = {name for key in table.foreign_keys for name in key.columns}
    own = [column for column in table.columns if column.made and column.name not in referring]
    for place in range(wanted):
        if (row := _referring(table, parents, place)) is not None:
            yield row | {column.name: _value(column, start + place) for column in own}


def _distinct(table: Table, rows: Iterator[Row]) -> list[Row]:
    """Without those that repeat a key of another: the key may be a promise that no index enforces any more."""
    seen: set[tuple[str | None, ...]] = set()
    kept = []
    for row in rows:
        keys = {(*key, *(row[name] for name in key)) for key in table.unique_keys if row.keys() >= set(key)}
        if not keys & seen:
            kept.append(row)
        seen |= {key for key in keys if None not in key}
    return kept


def _parents(connection: Connection, table: Table, key: ForeignKey, wanted: int) -> _Keys:
    """Keys of the parent, those no row of this table has yet before the others: the key may be unique here too."""
    names = [f"p.{identifier(name)}" for name in key.referred]
    same = " AND ".join(f"c.{identifier(name)} = {its}" for name, its in zip(key.columns, names, strict=True))
    query = (
        f"SELECT {', '.join(f'{name}::text' for name in names)} FROM {key.parent} p "
        f"WHERE {' AND '.join(f'{name} IS NOT NULL' for name in names)} "
        f"ORDER BY EXISTS (SELECT FROM {table.relation} c WHERE {same}), {', '.join(names)} LIMIT {int(wanted)}"
    )
    found = [tuple(row) for row in connection.execute(raw(query))]
    if not found and table.needs(key):
        raise _CannotError(f"it refers to {key.parent}, which holds no rows")
    return found


def _referring(table: Table, parents: Sequence[tuple[ForeignKey, _Keys]], place: int) -> Row | None:
    """The columns that name parents, such that keys which share a column agree. None: no parents agree."""
    row: Row = {}
    for key, keys in parents:
        turned = keys[place % len(keys) :] + keys[: place % len(keys)] if keys else []
        agreeing = next((each for each in turned if _agrees(row, key, each)), None)
        if agreeing is not None:
            row |= dict(zip(key.columns, agreeing, strict=True))
        elif table.needs(key):
            return None
        else:
            free = {column.name for column in table.columns if not column.required}
            row |= {name: None for name in key.columns if name in free}
    return row


def _agrees(row: Row, key: ForeignKey, values: tuple[str, ...]) -> bool:
    return all(row.get(name, wanted) == wanted for name, wanted in zip(key.columns, values, strict=True))


def _value(column: Column, number: int) -> str | None:
    if not column.required and number % _EMPTY_EVERY == _EMPTY_EVERY - 1:
        return None
    if column.literals and column.kind.category == "S":
        return column.literals[number % len(column.literals)]
    made = value(column.name, column.kind, number)
    if made is None and column.required:
        raise _CannotError(f"column {column.name} is of type {column.type}, for which no value can be made")
    return made


def _write(connection: Connection, table: Table, rows: Sequence[Row]) -> tuple[int, str]:
    """How many, and why the first that failed did."""
    written, reason = 0, "" if rows else "no rows of the tables it refers to agree"
    for first in range(0, len(rows), _AT_ONCE):
        batch = rows[first : first + _AT_ONCE]
        count, why = _insert(connection, table, batch, "ON CONFLICT DO NOTHING")
        if why:
            count, why = _one_by_one(connection, table, batch)
        written, reason = written + count, reason or why
        if not written:
            break
    return written, reason or ("" if written else "its unique keys leave room for none")


def _one_by_one(connection: Connection, table: Table, rows: Sequence[Row]) -> tuple[int, str]:
    """Each by itself, and without what may be left out where that is refused."""
    required = {column.name for column in table.columns if column.required}
    referring = {name for key in table.foreign_keys for name in key.columns}
    written, reason = 0, ""
    for attempt, row in enumerate(rows):
        bare = {name: row[name] if name in required | referring else None for name in row}
        for tried in (row, bare):
            count, why = _insert(connection, table, [tried])
            written, reason = written + count, reason or why
            if count:
                break
        if attempt >= _ATTEMPTS and not written:
            break
    return written, reason


def _breaks_no_promise(table: Table, types: Mapping[str, str], names: Sequence[str]) -> str:
    """The condition that no row of the table has the same key as the new row r."""
    taken = [
        f"NOT EXISTS (SELECT FROM {table.relation} t WHERE "
        + " AND ".join(f"t.{identifier(name)} = CAST(r ->> {literal(name)} AS {types[name]})" for name in key)
        + ")"
        for key in table.unique_keys
        if set(names).issuperset(key)
    ]
    return " AND ".join(taken) or "true"


def _insert(connection: Connection, table: Table, rows: Sequence[Row], otherwise: str = "") -> tuple[int, str]:
    """In a savepoint. The values travel as one JSON document and are cast by the server."""
    types = {column.name: column.type for column in table.columns}
    names = list(rows[0])
    savepoint = connection.begin_nested()
    try:
        if not names:
            done = connection.execute(raw(f"INSERT INTO {table.relation} DEFAULT VALUES"))
        else:
            values = ", ".join(f"CAST(r ->> {literal(name)} AS {types[name]})" for name in names)
            statement = (
                f"INSERT INTO {table.relation} ({', '.join(map(identifier, names))}) OVERRIDING SYSTEM VALUE "
                f"SELECT {values} FROM jsonb_array_elements(CAST($rows$ AS jsonb)) r "
                f"WHERE {_breaks_no_promise(table, types, names)} {otherwise}"
            )
            bound = text(str(raw(statement).text).replace("$rows$", ":tsmigrate_rows"))
            done = connection.execute(bound, {"tsmigrate_rows": json.dumps(rows)})
        savepoint.commit()
        return done.rowcount, ""
    except DBAPIError as error:
        savepoint.rollback()
        return 0, reason_given(error)
