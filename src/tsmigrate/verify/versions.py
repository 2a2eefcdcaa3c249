"""Which revisions the scratch database itself says are applied."""

from __future__ import annotations

from sqlalchemy import text

from tsmigrate import connect
from tsmigrate.sql import literal, qualified, raw
from tsmigrate.url import DatabaseUrl


def heads(database: DatabaseUrl, table: str, schema: str) -> set[str]:
    """Asked from our side: what env.py reports it did and did not commit would not be there."""
    name = qualified(table, schema or None)
    with connect.connection(database) as connection:
        if connection.execute(raw(f"SELECT to_regclass({literal(name)})")).scalar_one() is None:
            return set()
        return set(connection.execute(text(f"SELECT version_num FROM {name}")).scalars())
