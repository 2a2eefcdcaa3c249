"""The disk that a table is on, as far as it can be seen from here."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Disk:
    path: str
    free: int


def of_table(connection: Connection, relation: int) -> Disk | None:
    """The disk of the table with that OID, if the server is on this machine and says where."""
    path = connection.execute(_PATH, {"relation": relation}).scalar_one_or_none()
    if path is None:
        return None
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    return Disk(path, status.f_bavail * status.f_frsize)


# The server tells data_directory to members of pg_read_all_settings, and one that is not ours could have the same path:
# only a socket leads to this machine for sure.
_PATH = text("""
SELECT CASE WHEN inet_server_addr() IS NULL THEN
         coalesce(nullif((SELECT pg_tablespace_location(coalesce(nullif(c.reltablespace, 0), d.dattablespace))
                          FROM pg_class c, pg_database d
                          WHERE c.oid = :relation AND d.datname = current_database()), ''),
                  (SELECT setting FROM pg_settings WHERE name = 'data_directory')) END
""")
