"""Which tables of the database are hypertables, asked once an autogenerate run and not once a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from alembic.autogenerate.api import AutogenContext
from alembic.util import CommandError
from sqlalchemy import Connection

from tsmigrate import capability
from tsmigrate.capability import Server
from tsmigrate.errors import TsmigrateError
from tsmigrate.sql import raw

TableName = tuple[str | None, str]
"""Schema and table. As in Alembic, the schema is None where the search path finds the table."""


@dataclass(frozen=True)
class Hypertable:
    """A hypertable as the database has it."""

    partition_columns: tuple[str, ...]  # by dimension
    time_columns: frozenset[str]  # those partitioned by range; the others are by hash
    columnstore: bool


class Live:
    """The database of one autogenerate run."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def server(self) -> Server:
        try:
            return capability.ask(self._connection)
        except TsmigrateError as error:
            raise CommandError(f"{error.message}\n  mend: {error.mend}") from error

    @cached_property
    def hypertables(self) -> Mapping[TableName, Hypertable]:
        """By schema and name, and again without the schema where the search path finds them."""
        if not self._asks_timescale:
            return {}
        found: dict[TableName, Hypertable] = {}
        for row in self._connection.execute(raw(_HYPERTABLES)):
            hypertable = Hypertable(tuple(row.columns), frozenset(row.time_columns), row.columnstore)
            found[row.schema, row.name] = hypertable
            if row.visible:
                found[None, row.name] = hypertable
        return found

    @cached_property
    def with_compressed_chunks(self) -> frozenset[TableName]:
        return self._tables(_WITH_COMPRESSED_CHUNKS)

    @cached_property
    def chunks_elsewhere(self) -> frozenset[TableName]:
        """Chunks outside of TimescaleDB's own schemas, where an attached table or an associated schema puts them."""
        return self._tables(_CHUNKS_ELSEWHERE)

    def _tables(self, query: str) -> frozenset[TableName]:
        rows = self._connection.execute(raw(query)).all() if self._asks_timescale else []
        return frozenset(
            (schema, row.name) for row in rows for schema in ((row.schema, None) if row.visible else (row.schema,))
        )

    @property
    def _asks_timescale(self) -> bool:
        """Without its preload TimescaleDB's views end the connection, and a hypertable cannot be told from a table."""
        timescale = self.server.timescale
        if timescale.installed and not timescale.preloaded:
            raise CommandError(
                "this database has hypertables, and the server does not preload timescaledb: they cannot be compared\n"
                "  mend: add timescaledb to shared_preload_libraries and restart the server"
            )
        return timescale.usable


_known: WeakKeyDictionary[AutogenContext, Live] = WeakKeyDictionary()


def of(context: AutogenContext) -> Live:
    """What is known of the database of this run."""
    if context not in _known:
        if context.connection is None:
            raise CommandError("there is no connection to compare the models with")
        _known[context] = Live(context.connection)
    return _known[context]


_HYPERTABLES = """
SELECT h.hypertable_schema AS schema, h.hypertable_name AS name, h.compression_enabled AS columnstore,
       pg_table_is_visible(c.oid) AS visible, d.columns, d.time_columns
FROM timescaledb_information.hypertables h
JOIN pg_namespace n ON n.nspname = h.hypertable_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = h.hypertable_name
JOIN (
  SELECT hypertable_schema, hypertable_name,
         array_agg(column_name::text ORDER BY dimension_number) AS columns,
         array_agg(column_name::text) FILTER (WHERE dimension_type = 'Time') AS time_columns
  FROM timescaledb_information.dimensions GROUP BY 1, 2
) AS d USING (hypertable_schema, hypertable_name)
"""
_WITH_COMPRESSED_CHUNKS = """
SELECT DISTINCT k.hypertable_schema AS schema, k.hypertable_name AS name, pg_table_is_visible(c.oid) AS visible
FROM timescaledb_information.chunks k
JOIN pg_namespace n ON n.nspname = k.hypertable_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = k.hypertable_name
WHERE k.is_compressed
"""
_CHUNKS_ELSEWHERE = """
SELECT k.chunk_schema AS schema, k.chunk_name AS name, pg_table_is_visible(c.oid) AS visible
FROM timescaledb_information.chunks k
JOIN pg_namespace n ON n.nspname = k.chunk_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = k.chunk_name
WHERE NOT starts_with(k.chunk_schema, '_timescaledb_')
"""
