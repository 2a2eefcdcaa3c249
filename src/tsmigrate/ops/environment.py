"""For migrations/env.py: the database by tsmigrate's rules, and its errors in Alembic's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect, sandbox
from tsmigrate.errors import TsmigrateError
from tsmigrate.plpgsql import REFUSED
from tsmigrate.url import DatabaseUrl, resolve


def database() -> DatabaseUrl:
    """The database of this Alembic run: `-x url=…` first, then as everywhere (see `tsmigrate.url`)."""
    ini = context.config.config_file_name
    given = context.get_x_argument(as_dictionary=True).get("url")
    return resolve(given, ini=Path(ini) if ini else None, sandbox=sandbox.running_url)


@contextmanager
def connection() -> Iterator[Connection]:
    """A connection to that database. An error of ours, and a refusal of our DO blocks, becomes one line."""
    try:
        with connect.connection(database()) as connected:
            yield connected
    except TsmigrateError as error:
        raise _told(error.message, error.mend) from error
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != REFUSED:
            raise
        diagnosis = error.orig.diag  # type: ignore[union-attr]  # psycopg's, which pgcode has shown it to be
        raise _told(diagnosis.message_primary, diagnosis.message_hint) from error


def _told(message: str, mend: str | None) -> CommandError:
    return CommandError(f"{message}\n  mend: {mend}" if mend else message)
