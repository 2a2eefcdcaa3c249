"""One way to name the database, for every command and for migrations/env.py.

The first of these that is set wins:

1. what the user said for this run: `--url`, or `-x url=…` to Alembic
2. the environment variable TSMIGRATE_URL
3. the environment variable DATABASE_URL
4. `sqlalchemy.url` in alembic.ini or pyproject.toml
5. a running sandbox

`postgresql://` and `postgres://` mean psycopg2, on every version of SQLAlchemy; a URL that names another driver is
left as given. Sockets are `postgresql:///name?host=/the/folder`. Output shows a URL through `shown` only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tsmigrate import settings
from tsmigrate.errors import UsageError

ENVIRONMENT = ("TSMIGRATE_URL", "DATABASE_URL")
PSYCOPG2 = "postgresql+psycopg2"
EXAMPLE = "postgresql://user@host:5432/database"

_SCHEME = re.compile(r"^(?P<scheme>[a-z][a-z0-9+]*)://", re.IGNORECASE)
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passcode", "oauth_client_secret"})
_PASSWORD_IN_TEXT = re.compile(r"(?P<before>\w://[^:/?#\s]*:)[^\s]*@(?P<after>[^@\s]*)")
_SECRET_IN_TEXT = re.compile(
    rf"(?P<before>\b(?:{'|'.join(sorted(_SECRET_PARAMETERS))})\s*=\s*)(?:'[^']*'|[^\s&'\"]+)", re.IGNORECASE
)


@dataclass(frozen=True)
class DatabaseUrl:
    """A database and how we came to know of it."""

    url: URL
    source: str

    @property
    def full(self) -> str:
        """With the password: for a driver, never for output."""
        return self.url.render_as_string(hide_password=False)

    def __str__(self) -> str:
        return shown(self.url)

    __repr__ = __str__


def resolve(
    given: str | None,
    *,
    ini: Path | None = None,
    sandbox: Callable[[], str | None],
) -> DatabaseUrl:
    """The database to work on. `sandbox` tells the URL of a running sandbox, for when nothing else names one."""
    named = _first_named(given, ini) or ("the running sandbox", sandbox())
    source, text = named
    if text is None:
        raise UsageError(
            "no database is named",
            mend=f"give --url {EXAMPLE}, set TSMIGRATE_URL, or start a throwaway one: tsmigrate sandbox up",
        )
    return DatabaseUrl(url=parse(text, source), source=source)


def _first_named(given: str | None, ini: Path | None) -> tuple[str, str] | None:
    if given is not None:
        return "--url", given
    for variable in ENVIRONMENT:
        if value := os.environ.get(variable):
            return variable, value
    alembic = settings.find(ini)
    if alembic and (value := alembic.options.get("sqlalchemy.url")):
        return f"sqlalchemy.url in {alembic.files[-1]}", value
    return None


def parse(text: str, source: str = "the URL") -> URL:
    """`text` as a SQLAlchemy URL with its driver settled."""
    scheme = _SCHEME.match(text.strip())
    if not scheme:
        raise UsageError(f"{source} is not a database URL", mend=f"write it like {EXAMPLE}")
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise _unreadable(source) from None  # the library's message repeats the URL, password included
    if url.get_backend_name() not in {"postgres", "postgresql"}:
        raise UsageError(f"{source} names {scheme['scheme']}, which is not PostgreSQL", mend=f"write it like {EXAMPLE}")
    if text.count("@") > 1:
        # An @ that the password did not escape ends it early, and its rest would be shown as the host.
        raise _unreadable(source)
    return url.set(drivername=PSYCOPG2) if url.drivername in {"postgres", "postgresql"} else url


def _unreadable(source: str) -> UsageError:
    return UsageError(
        f"{source} cannot be read as a database URL",
        mend=f"write it like {EXAMPLE}; in a user, password or path, @ is %40, : is %3A, / is %2F and % is %25",
    )


def shown(url: URL) -> str:
    """`url` for a person, as they would type it: no password, no driver when it is the usual one."""
    hidden = {name: "***" for name in url.query if name.lower() in _SECRET_PARAMETERS}
    visible = url.update_query_dict(hidden) if hidden else url
    text = visible.render_as_string(hide_password=True)
    text = text.replace(quote("***"), "***").replace("%2F", "/")  # both need no escape where they can stand
    return re.sub(rf"^{re.escape(PSYCOPG2)}://", "postgresql://", text)


def without_passwords(text: str) -> str:
    """`text` from somewhere else (a driver, a server, a log) with any URL's password taken out."""
    text = _PASSWORD_IN_TEXT.sub(r"\g<before>***@\g<after>", text)
    return _SECRET_IN_TEXT.sub(r"\g<before>***", text)
