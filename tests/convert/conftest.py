"""Roles that own tables, and the server's own programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from convert_support import Session
from support import Take, TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.sandbox import places
from tsmigrate.sandbox.engines import Engine
from tsmigrate.sql import literal, raw
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


@pytest.fixture
def client(session: Session, programs: Engine) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """psql in a process of its own, in one transaction as Alembic has it."""
    started: list[subprocess.Popen[bytes]] = []
    url = session.database.url

    def start(script: str) -> subprocess.Popen[bytes]:
        address = f"host={url.query['host']} port={url.query['port']} user={url.username} dbname={url.database}"
        command = [programs.program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", address]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(script.encode())
        process.stdin.close()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def full_disk(
    edition: Edition, engine: Engine, state: Path, small_disk: Callable[[Path, int], None]
) -> Iterator[Session]:
    """A server whose tablespace `small` has room for one table, and not for two."""
    found = sandbox.up("full", edition=edition, settings={"timescaledb.max_background_workers": "0"})
    folder = state / "small"
    small_disk(folder, 24)
    places.give(folder, places.server_account())
    session = Session(TestServer.at(found.url).database("sandbox"))
    session.run("CREATE EXTENSION IF NOT EXISTS timescaledb")
    with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw(f"CREATE TABLESPACE small LOCATION {literal(str(folder))}"))
    yield session
    sandbox.down("full")
