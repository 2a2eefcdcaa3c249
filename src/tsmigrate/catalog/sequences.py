"""Where the user's sequences stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from tsmigrate.catalog.relation import Relation
from tsmigrate.sql import raw

_SEQUENCES = text(r"""
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE '\_timescaledb%'
  AND (CAST(:schemas AS name[]) IS NULL OR n.nspname = ANY (CAST(:schemas AS name[])))
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
""")


@dataclass(frozen=True)
class Position:
    last_value: int
    is_called: bool  # False: last_value itself comes next


def of_sequences(connection: Connection, schemas: Iterable[str] | None = None) -> dict[Relation, Position]:
    """Each user sequence in `schemas` (None: in all) and its position, those behind serial and identity included.

    Read from the sequences themselves: the view pg_sequences hides the position of one that was set and not yet used.
    """
    wanted = None if schemas is None else list(schemas)
    found = [Relation(schema, name) for schema, name in connection.execute(_SEQUENCES, {"schemas": wanted})]
    return {sequence: _position(connection, sequence) for sequence in found}


def _position(connection: Connection, sequence: Relation) -> Position:
    last_value, is_called = connection.execute(raw(f"SELECT last_value, is_called FROM {sequence}")).one()
    return Position(last_value, is_called)
