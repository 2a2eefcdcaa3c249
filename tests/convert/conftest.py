"""Roles that own tables, and the server's own programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, create_engine

from convert_support import Session
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.sandbox import engines
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
def other_connection(database: DatabaseUrl) -> Iterator[Connection]:
    engine = create_engine(database.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def own_engine(session: Session) -> Engine:
    """The programs of the server's own major version."""
    major = int(session.value("SHOW server_version_num")) // 10000
    for engine in engines.found():
        if engine.postgres.major == major:
            return engine
    pytest.skip(f"no programs of PostgreSQL {major} are installed here")


@pytest.fixture
def take(database: DatabaseUrl, own_engine: Engine) -> Callable[[], Snapshot]:
    return lambda: Snapshot.take(database, own_engine.program("pg_dump"))


@pytest.fixture
def psql(database: DatabaseUrl, own_engine: Engine) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(script: str, **variables: object) -> subprocess.CompletedProcess[str]:
        url = database.url
        given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        address = f"host={url.query['host']} port={url.query['port']} user={url.username} dbname={url.database}"
        return subprocess.run(
            [own_engine.program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "--single-transaction", *given, "-d", address],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
