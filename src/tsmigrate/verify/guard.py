"""No connection but to the scratch database, in the process that runs the user's env.py.

env.py may hold the address of a database that matters, and nothing makes it heed ours. Every engine of SQLAlchemy in
this process, whoever makes it, asks here: before it connects by the database's name in its arguments, and again when
connected, by asking the server, because a `creator` function or a service file needs no argument. The scratch
database's name is random, so another one of that name does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import Pool


class WrongDatabaseError(Exception):
    """Not one of Alembic's or the driver's errors, so that nobody's retry mistakes it for one."""


class Guard:
    def __init__(self, database: str) -> None:
        self._database = database
        self.refused = ""  # the name of another database that was asked for
        self.passed = 0  # connections to ours

    def install(self) -> None:
        event.listen(Engine, "do_connect", self._before_connecting)
        event.listen(Pool, "connect", self._when_connected)

    def _before_connecting(
        self, dialect: Any, _record: Any, _arguments: Sequence[Any], parameters: Mapping[str, Any]
    ) -> None:
        named = parameters.get("dbname") or parameters.get("database")
        if dialect.name != "postgresql" or named not in {None, self._database}:
            self._refuse(str(named))

    def _when_connected(self, connection: DBAPIConnection, _record: Any) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("SELECT current_database()")
            row = cursor.fetchone()
        finally:
            cursor.close()
            connection.rollback()
        if row is None or row[0] != self._database:
            self._refuse(str(row and row[0]))
        self.passed += 1

    def _refuse(self, name: str) -> None:
        self.refused = name
        raise WrongDatabaseError(f"env.py connects to the database {name!r}, not to the scratch database")
