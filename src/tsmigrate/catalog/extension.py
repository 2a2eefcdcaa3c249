"""Whether TimescaleDB's catalog is there to be read."""

from __future__ import annotations

from sqlalchemy import Connection

from tsmigrate import capability
from tsmigrate.errors import BlockedError
from tsmigrate.sql import raw


def is_created(connection: Connection) -> bool:
    """True also where the server does not preload its library: plain tables and views can be read even then."""
    found = connection.execute(raw("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"))
    return bool(found.scalar_one())


def answers(connection: Connection) -> bool:
    """Whether the extension is created, and answers: some of its views end the connection where it is not preloaded."""
    if not is_created(connection):
        return False
    if not connection.execute(raw(f"SELECT {capability.PRELOADED}")).scalar_one():
        raise BlockedError(
            "this database has the timescaledb extension, and the server does not preload it",
            mend="add timescaledb to shared_preload_libraries and restart the server",
        )
    return True
