"""Roles that own tables, and the server's own programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from convert_support import Session
from support import Take
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.sandbox.engines import Engine
from tsmigrate.url import DatabaseUrl

OWNER = "tsmigrate_owner"


@pytest.fixture
def session(database: DatabaseUrl) -> Session:
    return Session(database)


@pytest.fixture
def owner(session: Session) -> Iterator[Session]:
    """An ordinary role that may create schemas and tables, and nothing else."""
    name = session.value("SELECT current_database()")
    session.run(
        f"""DO $$ BEGIN IF to_regrole('{OWNER}') IS NULL THEN CREATE ROLE {OWNER} LOGIN; END IF; END $$""",
        f'GRANT CREATE ON DATABASE "{name}" TO {OWNER}',
        f"GRANT CREATE ON SCHEMA public TO {OWNER}",
    )
    yield Session(session.database, OWNER)


@pytest.fixture
def reader(session: Session) -> str:
    session.run(
        "DO $$ BEGIN IF to_regrole('tsmigrate_reader') IS NULL THEN CREATE ROLE tsmigrate_reader; END IF; END $$"
    )
    return "tsmigrate_reader"


@pytest.fixture
def take(database: DatabaseUrl, take: Take) -> Callable[[], Snapshot]:
    """Of the test's database."""
    return lambda: take(database)


@pytest.fixture
def psql(database: DatabaseUrl, programs: Engine) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(script: str, **variables: object) -> subprocess.CompletedProcess[str]:
        url = database.url
        given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        address = f"host={url.query['host']} port={url.query['port']} user={url.username} dbname={url.database}"
        return subprocess.run(
            [programs.program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "--single-transaction", *given, "-d", address],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
