"""What sampled rows refer to is fetched too, until every foreign key holds in the copy.

The copy itself says what is missing, so that a key of several columns, a table that refers to itself and a circle of
tables are all the same. A row whose reference leads on and on, or to a row that this role may not read, is cut loose:
the reference is set to NULL where it may be, else the row is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate.apt import Progress
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.session import fixed_settings
from tsmigrate.finding import counted_word
from tsmigrate.sql import identifier, raw
from tsmigrate.verify.rehearsal.sample import Sample

_ROUNDS = 50  # of fetching: so long may a chain of references be
_AT_ONCE = 500

_KEYS = """
SELECT k.conname AS name, cn.nspname AS child_schema, c.relname AS child, pn.nspname AS parent_schema,
       p.relname AS parent,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS one (num, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = one.num ORDER BY place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS one (num, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = one.num ORDER BY place) AS referred,
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM unnest(k.conkey) WITH ORDINALITY AS one (num, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = one.num ORDER BY place) AS types,
       ARRAY(SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
             FROM unnest(k.conpfeqop) WITH ORDINALITY AS one (operator, place)
             JOIN pg_operator o ON o.oid = one.operator JOIN pg_namespace n ON n.oid = o.oprnamespace
             ORDER BY place) AS operators,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND NOT a.attnotnull
               AND a.attgenerated = '' ORDER BY a.attnum) AS free,
       k.confmatchtype = 'f' AS all_or_none
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
  AND cn.nspname NOT LIKE '\\_timescaledb%' AND pn.nspname NOT LIKE '\\_timescaledb%'
ORDER BY 2, 3, 1
"""


@dataclass(frozen=True)
class Key:
    name: str
    child: Relation
    parent: Relation
    columns: tuple[str, ...]
    referred: tuple[str, ...]
    types: tuple[str, ...]  # of the child's columns, schema and all
    operators: tuple[str, ...]
    free: tuple[str, ...]  # of the child's columns, those that may be NULL
    all_or_none: bool  # MATCH FULL

    @property
    def dangling(self) -> str:
        """The condition that a row c of the child has no parent."""
        filled = " AND ".join(f"c.{identifier(name)} IS NOT NULL" for name in self.columns)
        same = " AND ".join(
            f"p.{identifier(theirs)} {operator} c.{identifier(own)}"
            for theirs, operator, own in zip(self.referred, self.operators, self.columns, strict=True)
        )
        return f"{filled} AND NOT EXISTS (SELECT FROM {self.parent} p WHERE {same})"

    @property
    def found_by(self) -> list[str]:
        """Each of the parent's columns, with the operator that compares it."""
        return [
            f"t.{identifier(name)} {operator}" for name, operator in zip(self.referred, self.operators, strict=True)
        ]

    @property
    def loosened(self) -> tuple[str, ...]:
        """The columns to set to NULL so that the key says nothing. Empty: there are none."""
        return () if self.all_or_none and len(self.free) < len(self.columns) else self.free


@dataclass(frozen=True)
class Cut:
    key: Key
    rows: int
    left_out: bool  # False: their reference was set to NULL

    def __str__(self) -> str:
        what = "left out" if self.left_out else "taken with the reference set to NULL"
        return (
            f"{counted_word(self.rows, 'row')} of {self.key.child} {what}: {self.key.name} leads to {self.key.parent}"
        )


def complete(made: Sample, rows: int, progress: Progress) -> list[Cut]:
    keys = list(_keys(made.target))
    for round_ in range(_ROUNDS):
        progress("reading the rows that these refer to", round_ / _ROUNDS)
        if not sum(_fetch(made, key, rows) for key in keys):
            break
    return _cut(made.target, keys)


def _keys(connection: Connection) -> Iterator[Key]:
    with fixed_settings(connection):  # no search_path: types are named in full
        rows = connection.execute(raw(_KEYS)).all()
    for row in rows:
        yield Key(
            name=row.name,
            child=Relation(row.child_schema, row.child),
            parent=Relation(row.parent_schema, row.parent),
            columns=tuple(row.columns),
            referred=tuple(row.referred),
            types=tuple(row.types),
            operators=tuple(row.operators),
            free=tuple(row.free),
            all_or_none=row.all_or_none,
        )


def _fetch(made: Sample, key: Key, rows: int) -> int:
    """How many came. Not more than ten times the sample in all, lest a long chain bring the table."""
    table = made.tables.get(key.parent)
    if table is None:
        return 0
    room = 10 * rows + _AT_ONCE - made.of(table).referred
    if room <= 0:
        return 0
    names = ", ".join(f"c.{identifier(name)}::text" for name in key.columns)
    query = f"SELECT DISTINCT {names} FROM {key.child} c WHERE {key.dangling} LIMIT {room}"
    wanted: list[Sequence[str]] = [tuple(row) for row in made.target.execute(raw(query))]
    return sum(
        made.keyed(table, key.found_by, key.types, wanted[first : first + _AT_ONCE])
        for first in range(0, len(wanted), _AT_ONCE)
    )


def _cut(target: Connection, keys: Sequence[Key]) -> list[Cut]:
    """Again and again: a row that is left out may be another's parent."""
    total: dict[tuple[str, Relation, bool], Cut] = {}
    while done := [cut for key in keys if (cut := _loosened(target, key)).rows]:
        for cut in done:
            place = (cut.key.name, cut.key.child, cut.left_out)
            total[place] = replace(cut, rows=cut.rows + (total[place].rows if place in total else 0))
    return list(total.values())


def _loosened(target: Connection, key: Key) -> Cut:
    # The table is searched by itself: what refers to its own table would change under the update.
    found = f"(SELECT c.ctid, c.tableoid FROM {key.child} c WHERE {key.dangling})"
    if key.loosened:
        emptied = ", ".join(f"{identifier(name)} = NULL" for name in key.loosened)
        savepoint = target.begin_nested()
        try:
            done = target.execute(raw(f"UPDATE {key.child} SET {emptied} WHERE (ctid, tableoid) IN {found}"))
            savepoint.commit()
            return Cut(key, done.rowcount, left_out=False)
        except DBAPIError:  # a CHECK wants it
            savepoint.rollback()
    done = target.execute(raw(f"DELETE FROM {key.child} WHERE (ctid, tableoid) IN {found}"))
    return Cut(key, done.rowcount, left_out=True)
