"""Whether TimescaleDB's catalog is there to be read."""

from __future__ import annotations

from sqlalchemy import Connection

from tsmigrate.sql import raw


def is_created(connection: Connection) -> bool:
    """True also where the server does not preload its library: plain tables and views can be read even then."""
    found = connection.execute(raw("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"))
    return bool(found.scalar_one())
