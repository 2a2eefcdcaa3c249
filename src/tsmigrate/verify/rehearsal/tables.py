"""The tables whose rows are sampled, and what is needed to find some of each without reading all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.tables import user_tables
from tsmigrate.sql import identifier, literal, raw

# Of the valid indexes over all rows that lead with a plain column: one by a time, else the primary key, else any.
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, size.rows, size.pages,
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid
                                   AND i.inhrelid = ANY (ARRAY[{names}]::regclass[])) AS inherited,
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid
                                   AND i.inhrelid <> ALL (ARRAY[{names}]::regclass[])) AS chunked,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             ORDER BY a.attnum) AS columns,
       (SELECT a.attname::text
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree'
        ORDER BY t.typcategory = 'D' DESC, i.indisprimary DESC, i.indisunique DESC, a.attnum, x.relname
        LIMIT 1) AS newest
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
  SELECT sum(greatest(p.reltuples, 0)) AS rows, sum(p.relpages) AS pages
  FROM (SELECT c.oid WHERE c.relkind <> 'p'
        UNION ALL SELECT leaf.relid FROM pg_partition_tree(c.oid) leaf WHERE c.relkind = 'p' AND leaf.isleaf) part (oid)
  JOIN pg_class p ON p.oid = part.oid
) AS size
WHERE c.oid = ANY (ARRAY[{names}]::regclass[])
  AND has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
"""


@dataclass(frozen=True)
class Table:
    relation: Relation
    columns: tuple[str, ...]  # those that are written
    rows: float  # by the last ANALYZE; 0: unknown, or none
    pages: int
    newest: str | None  # what an index orders its rows by
    inherited: bool  # by tables of their own, not by partitions or chunks
    chunked: bool  # a hypertable; compressed rows have no place of their own

    @property
    def named(self) -> str:
        """In FROM: without the rows of tables that inherit from it, which are theirs."""
        return f"ONLY {self.relation} AS t" if self.inherited else f"{self.relation} AS t"

    @property
    def read(self) -> list[str]:
        return [f"t.{identifier(name)}" for name in self.columns]

    @property
    def written(self) -> str:
        return f"{self.relation} ({', '.join(map(identifier, self.columns))})"


def readable(connection: Connection) -> list[Table]:
    """Those of the user's that this role may read."""
    names = ", ".join(literal(str(relation)) for relation in user_tables(connection))
    return [
        Table(
            relation=Relation(row.schema, row.name),
            columns=tuple(row.columns),
            rows=float(row.rows or 0),
            pages=int(row.pages or 0),
            newest=row.newest,
            inherited=row.inherited,
            chunked=row.chunked,
        )
        for row in connection.execute(raw(_TABLES.format(names=names)))
    ]
