"""pg_dump, run without showing a password to anyone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from tsmigrate import connect
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.url import PSYCOPG2, DatabaseUrl, without_passwords

# libpq knows no environment variable for these, and a command line is for all to see.
_ONLY_ON_THE_COMMAND_LINE = {"sslpassword", "oauth_client_secret", "passcode"}


def of(database: DatabaseUrl, pg_dump: str, arguments: Sequence[str]) -> str:
    """What pg_dump with these arguments says of `database`, as UTF-8."""
    # --no-password: never ask the terminal
    command = [pg_dump, *arguments, "--encoding=UTF8", "--no-password", f"--dbname={_address(database)}"]
    return run(command, database)


def run(command: Sequence[str], database: DatabaseUrl | None = None) -> str:
    """What the program prints. Bytes that are no UTF-8, which a SQL_ASCII database may hold, survive as surrogates."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=_environment(database)
        )
    except OSError as error:
        raise UsageError(
            f"cannot run {command[0]}: {error.strerror}", mend="name the pg_dump of the server's version or later"
        ) from error
    if done.returncode != 0:
        says = without_passwords(done.stderr.decode(errors="replace").strip())
        where = f" of {database}" if database else ""
        raise BlockedError(
            f"{command[0]} could not read the schema{where}: {says}",
            mend="use a role that may read every table, or do what the message asks",
        )
    return done.stdout.decode("utf-8", "surrogateescape")


def _environment(database: DatabaseUrl | None) -> dict[str, str]:
    """The caller's, as the driver reads it too, and the password."""
    password = _parameters(database).get("password") if database else None
    return {**os.environ, "PGPASSWORD": password} if password else dict(os.environ)


def _address(database: DatabaseUrl) -> str:
    """The database as a libpq connection string without a secret."""
    parameters = _parameters(database)
    for secret in parameters:
        if secret.lower() in _ONLY_ON_THE_COMMAND_LINE:
            raise UsageError(
                f"{secret} of {database} cannot be handed to pg_dump without showing it to every user of this machine",
                mend="use a client key without a password, or authenticate in another way",
            )
    parameters.pop("password", None)
    parameters.setdefault("connect_timeout", str(connect.CONNECT_TIMEOUT_SECONDS))
    return " ".join(f"{name}={_quoted(value)}" for name, value in parameters.items())


def _parameters(database: DatabaseUrl) -> dict[str, str]:
    """What the URL means to libpq, as SQLAlchemy's driver sees it: several hosts and the query included."""
    url = database.url.set(drivername=PSYCOPG2)
    _, parameters = url.get_dialect()().create_connect_args(url)
    return {name: str(value) for name, value in parameters.items()}


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
