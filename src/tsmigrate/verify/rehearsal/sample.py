"""Some rows of every table, and the rows that those refer to, written into the copy as they are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from sqlalchemy import Connection

from tsmigrate import connect
from tsmigrate.apt import Progress
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import of_sequences
from tsmigrate.connect import reason_given
from tsmigrate.sql import identifier, literal, raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.rehearsal.source import Row, Source, UnreadableError
from tsmigrate.verify.rehearsal.tables import Table

_WHOLE = 50  # percent of the blocks, from which on reading on from the first costs no more
# As the source wrote them; and no trigger or foreign key is asked while rows come in any order.
_WRITING = {
    "session_replication_role": "replica",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "lc_monetary": "C",
    "client_encoding": "UTF8",
}


@dataclass
class Taken:
    """What came of a table."""

    rows: int = 0
    referred: int = 0  # of them, those that came because another row refers to them
    reason: str = ""  # why there are fewer than there could be
    places: set[bytes] = field(default_factory=set)


@dataclass
class Sample:
    source: Source
    target: Connection
    tables: dict[Relation, Table]
    taken: dict[Relation, Taken] = field(default_factory=dict)

    def of(self, table: Table) -> Taken:
        return self.taken.setdefault(table.relation, Taken())

    def take(self, table: Table, rows: int) -> None:
        """Half the newest by an index, half from blocks here and there: they lie in more than one chunk."""
        half = ceil(rows / 2) if table.newest else 0
        if half:
            name = identifier(table.newest or "")
            newest = f"FROM {table.named} WHERE t.{name} IS NOT NULL ORDER BY t.{name} DESC"
            self.add(table, newest, half)
        self.add(table, f"FROM {table.named} {_somewhere(table, rows - half)}", rows - half)
        left = rows - self.of(table).rows
        if left > 0:  # the blocks were empty, or the newest again
            self.add(table, f"FROM {table.named}", rows, most=left)

    def keyed(self, table: Table, found_by: Sequence[str], types: Sequence[str], keys: Sequence[Sequence[str]]) -> int:
        """The rows with these keys, which a unique index finds. `found_by`: columns, each with its operator."""
        arrays = ", ".join(f"ARRAY[{', '.join(map(literal, values))}]::text[]" for values in zip(*keys, strict=True))
        names = [f"k{place}" for place in range(len(types))]
        same = " AND ".join(
            f"{column} k.{name}::{type_}" for column, name, type_ in zip(found_by, names, types, strict=True)
        )
        before = self.of(table).rows
        self.add(table, f"FROM unnest({arrays}) AS k ({', '.join(names)}) JOIN {table.named} ON {same}")
        found = self.of(table).rows - before
        self.of(table).referred += found
        return found

    def add(self, table: Table, rest: str, limit: int | None = None, most: int | None = None) -> None:
        """The rows that `SELECT … <rest>` finds; of those that are not here yet, `most`."""
        taken = self.of(table)
        try:
            found = self.source.rows(table.read, rest, limit, placed=not table.chunked)
        except UnreadableError as error:
            taken.reason = taken.reason or str(error)
            return
        new = {row.place: row for row in found if row.place not in taken.places}
        rows = list(new.values())[:most]
        taken.places |= {row.place for row in rows}
        written, reason = _write(self.target, table, rows)
        taken.rows += written
        taken.reason = taken.reason or reason


def _somewhere(table: Table, rows: int) -> str:
    """Of a small table, or one of unknown size, simply the first: the limit ends it."""
    if not table.rows or not table.pages:
        return ""
    percent = 100 * max(1.0, ceil(rows * table.pages / table.rows)) / table.pages
    return "" if percent >= _WHOLE else f"TABLESAMPLE SYSTEM ({percent:.12f}) REPEATABLE (1)"


def _write(target: Connection, table: Table, rows: Sequence[Row]) -> tuple[int, str]:
    """All at once, or, where one is refused, each by itself: how many, and why the first was refused."""
    if not rows:
        return 0, ""
    reason = _copy_in(target, table, rows)
    if not reason:
        return len(rows), ""
    refused = [why for row in rows if (why := _copy_in(target, table, [row]))]
    first = f"the sandbox refuses {len(refused)} of its rows: {refused[0]}" if refused else ""
    return len(rows) - len(refused), first


def _copy_in(target: Connection, table: Table, rows: Sequence[Row]) -> str:
    """Empty where it worked."""
    savepoint = target.begin_nested()
    content = io.BytesIO(b"".join(row.text + b"\n" for row in rows))
    try:
        cursor: Any = target.connection.cursor()
        cursor.copy_expert(f"COPY {table.written} FROM STDIN", content)
    except target.dialect.loaded_dbapi.Error as error:
        savepoint.rollback()
        return reason_given(error)
    savepoint.commit()
    return ""


def prepare(target: Connection) -> None:
    for name, value in _WRITING.items():
        target.execute(raw(f"SET {name} = {literal(value)}"))


def copy_sequences(source: Source, into: DatabaseUrl) -> list[Relation]:
    """Where the source's stand; those that this role may not read, or that are not in the copy, are returned."""
    missed = []
    with connect.connection(into) as target:
        there = set(of_sequences(target))
        for sequence in _sequences(source):
            if sequence not in there:
                missed.append(sequence)
                continue
            try:
                [row] = source.rows(["t.last_value", "t.is_called"], f"FROM {sequence} AS t")
            except UnreadableError:
                missed.append(sequence)
                continue
            last, called = row.text.decode().split("\t")
            is_called = "true" if called == "t" else "false"
            target.execute(raw(f"SELECT setval({literal(str(sequence))}::regclass, {int(last)}, {is_called})"))
        target.commit()
    return missed


def _sequences(source: Source) -> list[Relation]:
    found = source.connection.execute(raw(_SEQUENCES))
    return [Relation(row.schema, row.name) for row in found]


_SEQUENCES = r"""
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT LIKE '\_timescaledb%'
  AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
ORDER BY 1, 2
"""


def sample(source: Source, into: Connection, tables: Sequence[Table], rows: int, progress: Progress) -> Sample:
    made = Sample(source, into, {table.relation: table for table in tables})
    prepare(into)
    for number, table in enumerate(tables):
        progress("reading a sample of rows", number / len(tables))
        made.take(table, rows)
    return made
