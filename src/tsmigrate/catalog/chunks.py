"""Which tables have compressed chunks, and which chunks are not where TimescaleDB puts them. Reads only."""

from __future__ import annotations

from sqlalchemy import Connection

from tsmigrate.catalog import extension
from tsmigrate.catalog.relation import Relation
from tsmigrate.sql import raw


def compressed_in(connection: Connection) -> frozenset[Relation]:
    """The hypertables that have any."""
    return _relations(connection, _COMPRESSED)


def elsewhere(connection: Connection) -> frozenset[Relation]:
    """Chunks outside of TimescaleDB's own schemas: those of attached tables, and of an `associated_schema_name`."""
    return _relations(connection, _ELSEWHERE)


def _relations(connection: Connection, query: str) -> frozenset[Relation]:
    found = connection.execute(raw(query)) if extension.is_created(connection) else ()
    return frozenset(Relation(schema, name) for schema, name in found)


_COMPRESSED = """
SELECT DISTINCT hypertable_schema, hypertable_name FROM timescaledb_information.chunks WHERE is_compressed
"""
_ELSEWHERE = """
SELECT chunk_schema, chunk_name FROM timescaledb_information.chunks
WHERE NOT starts_with(chunk_schema, '_timescaledb_')
"""
