"""For migrations/env.py: the database by tsmigrate's rules, and its errors in Alembic's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from tsmigrate import connect, sandbox
from tsmigrate.errors import TsmigrateError
from tsmigrate.url import DatabaseUrl, resolve


def database() -> DatabaseUrl:
    """The database of this Alembic run: `-x url=…` first, then as everywhere (see `tsmigrate.url`)."""
    ini = context.config.config_file_name
    given = context.get_x_argument(as_dictionary=True).get("url")
    return resolve(given, ini=Path(ini) if ini else None, sandbox=sandbox.running_url)


@contextmanager
def connection() -> Iterator[Connection]:
    """A connection to that database. An error of tsmigrate's own becomes one line, not a traceback."""
    try:
        with connect.connection(database()) as connected:
            yield connected
    except TsmigrateError as error:
        mend = f"\n  mend: {error.mend}" if error.mend else ""
        raise CommandError(f"{error.message}{mend}") from error
