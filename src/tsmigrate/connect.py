"""Open a connection, or say in one line why not and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from tsmigrate.errors import LoginError, UnreachableError, UsageError
from tsmigrate.url import DatabaseUrl, without_passwords

CONNECT_TIMEOUT_SECONDS = 10
APPLICATION_NAME = "tsmigrate"


@dataclass(frozen=True)
class _Reason:
    """How a driver's message is recognised, and what it means to the user."""

    pattern: re.Pattern[str]
    error: type[UnreachableError]
    says: str
    mend: str


def _reason(pattern: str, error: type[UnreachableError], says: str, mend: str) -> _Reason:
    return _Reason(re.compile(pattern, re.IGNORECASE), error, says, mend)


# libpq gives no SQLSTATE for a failed connection, only text; a server that speaks another language than English falls
# through to its own first line.
_REASONS = (
    _reason(
        r"could not translate host name|name or service not known",
        UnreachableError,
        "the host name is unknown",
        "check the host in the URL, and this machine's DNS",
    ),
    _reason(
        r"password authentication failed|no password supplied",
        LoginError,
        "the password is wrong or missing",
        "check user and password in the URL, or keep the password in ~/.pgpass",
    ),
    _reason(
        r"peer authentication failed|ident authentication failed",
        LoginError,
        "the server lets this operating-system user in under another role only",
        "name that role in the URL, or connect by TCP with a password (host=localhost)",
    ),
    _reason(
        r"no pg_hba\.conf entry",
        LoginError,
        "the server's pg_hba.conf does not allow this address, role and database",
        "ask its administrator for an entry, or add ?sslmode=require if it wants TLS",
    ),
    _reason(
        r'role "[^"]*" does not exist',
        LoginError,
        "the role does not exist",
        "create it, or name another in the URL",
    ),
    _reason(r"is not permitted to log in", LoginError, "the role may not log in", "ALTER ROLE … LOGIN"),
    _reason(
        r'database "[^"]*" does not exist',
        LoginError,
        "the database does not exist",
        "create it (createdb), or name another in the URL",
    ),
    _reason(
        r"permission denied for database",
        LoginError,
        "the role may not connect to this database",
        "GRANT CONNECT ON DATABASE … TO the role",
    ),
    _reason(
        r"too many clients|remaining connection slots",
        UnreachableError,
        "all of the server's connections are in use",
        "close some, or raise max_connections",
    ),
    _reason(
        r"database system is (starting up|shutting down|not yet accepting)|the database system is in recovery",
        UnreachableError,
        "the server is starting up or shutting down",
        "try again in a moment",
    ),
    _reason(
        r"connection refused",
        UnreachableError,
        "nothing listens there",
        "start the server, check host and port, or use a throwaway one: tsmigrate sandbox up",
    ),
    _reason(
        r"no such file or directory",
        UnreachableError,
        "there is no server socket in that folder",
        "start the server, check host and port, or use a throwaway one: tsmigrate sandbox up",
    ),
    _reason(
        r"timeout expired|timed out",
        UnreachableError,
        f"no answer within {CONNECT_TIMEOUT_SECONDS} s",
        "check host and port, and any firewall between",
    ),
)


@contextmanager
def connection(database: DatabaseUrl, *, hstore: bool = False, **options: Any) -> Iterator[Connection]:
    """A connection in a transaction that the caller commits; what is not committed is rolled back.

    `hstore`: values of that type come as dictionaries, as SQLAlchemy has them by default. To ask for the type takes
    a query for each connection, and nothing of ours reads any.
    """
    if not hstore and _is_libpqs(database):
        options["use_native_hstore"] = False
    with _opened(database, engine(database, **options)) as connected:
        yield connected


@contextmanager
def pinned(database: DatabaseUrl) -> Iterator[Connection]:
    """A connection to which nobody's functions, operators and tables come in between: names that are not in full are
    pg_catalog's. Where it is lost, that is told.
    """
    pinning = engine(database)
    event.listen(pinning, "connect", _pin)
    with _opened(database, pinning) as connected:
        try:
            yield connected
        except DBAPIError as error:
            if not connected.invalidated:
                raise
            raise UnreachableError(
                f"the connection to {database} was lost: {reason_given(error)}",
                mend="run it again when the server is back",
            ) from error


def _pin(driver: Any, _record: object) -> None:
    """Each time, since a connection that was lost is opened again by itself."""
    with driver.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog, pg_temp")
    driver.commit()


@contextmanager
def _opened(database: DatabaseUrl, opening: Engine) -> Iterator[Connection]:
    try:
        with _translated(database):
            connected = opening.connect()
        with connected:
            yield connected
    finally:
        opening.dispose()


def engine(database: DatabaseUrl, **options: Any) -> Engine:
    """An engine that pools nothing: a command-line tool holds the connections it uses, no more."""

    try:
        made = create_engine(database.url, poolclass=NullPool, connect_args=_connect_arguments(database), **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(
            f"the driver of {database} is not installed",
            mend="write postgresql:// to use the driver that comes with tsmigrate, or install the other one",
        ) from error
    if made.dialect.is_async:
        raise UsageError(
            f"{database} names an asynchronous driver, which a command cannot use",
            mend="give the same address with postgresql:// (--url or TSMIGRATE_URL)",
        )
    return made


def _is_libpqs(database: DatabaseUrl) -> bool:
    return database.url.get_driver_name() in {"psycopg2", "psycopg"}


def _connect_arguments(database: DatabaseUrl) -> dict[str, Any]:
    """libpq's options, for the drivers built on it; what the URL says for itself wins."""
    if not _is_libpqs(database):
        return {}
    wanted = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": APPLICATION_NAME}
    return {name: value for name, value in wanted.items() if name not in database.url.query}


@contextmanager
def _translated(database: DatabaseUrl) -> Iterator[None]:

    try:
        yield
    except (DBAPIError, UnicodeDecodeError) as error:
        raise _explained(database, error) from error


def _explained(database: DatabaseUrl, error: Exception) -> UnreachableError:
    text = str(getattr(error, "orig", error))
    where = f"cannot connect to {database} (from {database.source})"
    for reason in _REASONS:
        if reason.pattern.search(text):
            return reason.error(f"{where}: {reason.says}", mend=reason.mend)
    return UnreachableError(f"{where}: {reason_given(error)}", mend="check the URL and the server's log")


def reason_given(error: BaseException) -> str:
    """What the server, or the driver, says of its error, in a line without passwords. A driver may say nothing."""
    lines = str(_original(error)).strip().splitlines()
    return without_passwords(lines[0]) if lines else "no reason given"


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of it, by psycopg's name and by asyncpg's; empty where there is none."""
    original = _original(error)
    return getattr(original, "pgcode", None) or getattr(original, "sqlstate", None) or ""


def _original(error: BaseException) -> BaseException:
    """The driver's own error, where SQLAlchemy has wrapped it."""
    return getattr(error, "orig", None) or error
