"""The tables whose rows are the user's."""

from __future__ import annotations

from sqlalchemy import Connection

from tsmigrate.catalog import extension
from tsmigrate.catalog.relation import Relation
from tsmigrate.sql import raw

SET_ASIDE = "tsmigrate_partitioned"
"""The schema where a partitioned table waits, without rows, while a hypertable has its place; a number may follow."""

# A chunk is an inheritance child of its hypertable, whatever schema it lives in: an attached one keeps its own.
# Nothing else can inherit from a hypertable.
_TABLES = r"""
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE '\_timescaledb%'
  AND n.nspname !~ '^{set_aside}(_[0-9]+)?$'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent = ANY (ARRAY({hypertables})))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""
_HYPERTABLES = """
SELECT format('%I.%I', hypertable_schema, hypertable_name)::regclass FROM timescaledb_information.hypertables
"""
_NONE = "SELECT NULL::regclass WHERE false"


def user_tables(connection: Connection) -> list[Relation]:
    """Ordinary, partitioned and hypertables, each once: no partitions, chunks, temporary or foreign tables.

    A table that others inherit from is listed, and so are they: reading it reads their rows too.
    """
    hypertables = _HYPERTABLES if extension.is_created(connection) else _NONE
    rows = connection.execute(raw(_TABLES.format(hypertables=hypertables, set_aside=SET_ASIDE)))
    return [Relation(schema, name) for schema, name in rows]
