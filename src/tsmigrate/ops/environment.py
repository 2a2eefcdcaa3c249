"""For migrations/env.py: the database by tsmigrate's rules, and its errors in Alembic's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect, sandbox
from tsmigrate.convert.blocks import MISMATCH
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
    """A connection to that database. An error of ours, and a refusal of our DO blocks, becomes one line.

    A program that runs Alembic may hand over its own, or an engine, as `config.attributes["connection"]`, which comes
    before every address.
    """
    try:
        with _given() or connect.connection(database(), hstore=True) as connected:
            yield connected
    except TsmigrateError as error:
        raise _told(error.message, error.mend) from error
    except DBAPIError as error:
        diagnosis = getattr(error.orig, "diag", None)  # psycopg's
        if diagnosis is None or diagnosis.sqlstate not in _TOLD_BY_BLOCKS:
            raise
        raise _told(diagnosis.message_primary, diagnosis.message_hint) from error


def _given() -> AbstractContextManager[Connection] | None:
    """The caller's connection, which stays open, or one of the caller's engine."""
    given = context.config.attributes.get("connection")
    return given.connect() if isinstance(given, Engine) else nullcontext(given) if given is not None else None


# What our DO blocks raise on purpose; lock_not_available (55P03) is raised by them with a hint of ours.
_TOLD_BY_BLOCKS = frozenset({REFUSED, MISMATCH, "55P03"})


def _told(message: str, mend: str | None) -> CommandError:
    return CommandError(f"{message}\n  mend: {mend}" if mend else message)
