"""The worked example under test: Alembic as its users call it, and the schema as pg_dump sees it."""

from __future__ import annotations

import functools
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import sample_rows
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from support import Prepared
from tsmigrate import connect
from tsmigrate.sandbox import engines, places
from tsmigrate.url import DatabaseUrl

PROJECT = Path(__file__).parents[2]
PLAIN = "0001"


SwitchboardAt = Callable[..., "Switchboard"]


@functools.cache
def _engines() -> list[engines.Engine]:
    return sorted(engines.found(), key=lambda engine: engine.postgres)


@dataclass(frozen=True)
class Switchboard:
    """The worked example on a database of the test's own."""

    database: DatabaseUrl

    def upgrade(self, revision: str = PLAIN) -> None:
        command.upgrade(self._config(), revision)

    def downgrade(self, revision: str = "base") -> None:
        command.downgrade(self._config(), revision)

    def upgrade_sql(self, revision: str = PLAIN) -> str:
        """What `alembic upgrade … --sql` prints."""
        printed = StringIO()
        command.upgrade(self._config(printed), revision, sql=True)
        return printed.getvalue()

    def downgrade_sql(self, revisions: str = f"{PLAIN}:base") -> str:
        printed = StringIO()
        command.downgrade(self._config(printed), revisions, sql=True)
        return printed.getvalue()

    def schema(self) -> str:
        """The whole schema as pg_dump prints it, Alembic's own table left out."""
        # Newer ones print a random \restrict key, unless they are told one.
        key = ["--restrict-key=x"] if "--restrict-key" in self._run("pg_dump", "--help") else []
        return self._run("pg_dump", "--schema-only", *key, "--exclude-table=*.alembic_version", "-d", self._libpq_url())

    def psql(self, script: str) -> None:
        """Run `script` as a DBA would."""
        self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self._libpq_url(), "-f", "-", script=script)

    def _config(self, printed: StringIO | None = None) -> Config:
        given = Namespace(x=[f"url={self.database.full}"])
        return Config(PROJECT / "alembic.ini", output_buffer=printed, cmd_opts=given)

    def _libpq_url(self) -> str:
        return self.database.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def _run(self, program: str, *arguments: str, script: str | None = None) -> str:
        done = subprocess.run(
            [self._engine().program(program), *arguments],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env=places.bare_environment(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _engine(self) -> engines.Engine:
        """The server's own major version where it is installed, else the newest: pg_dump must not be older.

        A newer one prints what the server keeps for itself, such as the pg_attver of every column in 15.20.
        """
        with connect.connection(self.database) as connection:
            major = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
        if not _engines():
            pytest.skip("no engine is installed here, and so no pg_dump and psql of a known version")
        return next((engine for engine in _engines() if engine.postgres.major == major), _engines()[-1])


@pytest.fixture
def switchboard(plain_database: DatabaseUrl) -> Switchboard:
    """A database in which no revision has run."""
    return Switchboard(plain_database)


@pytest.fixture
def switchboard_at(prepared: Prepared) -> SwitchboardAt:
    """A database that has been upgraded to a revision; from PLAIN on with the rows of so many messages."""

    def at(revision: str, messages: int | None = None, **options: Any) -> Switchboard:
        def make(database: DatabaseUrl) -> None:
            made = Switchboard(database)
            if messages is not None:
                made.upgrade(PLAIN)
                with connect.connection(database) as connection:
                    sample_rows.load(connection, messages, **options)
                    connection.commit()
            made.upgrade(revision)

        return Switchboard(prepared(f"{revision} {messages} {sorted(options)}", make))

    return at


@pytest.fixture
def plain(switchboard_at: SwitchboardAt) -> Iterator[Connection]:
    """A connection to the plain switchboard, without rows."""
    switchboard = switchboard_at(PLAIN)
    with connect.connection(switchboard.database) as connection:
        yield connection
