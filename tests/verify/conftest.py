"""Little Alembic environments, and the rollback test of them on the servers of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from alembic_project import Project
from support import TestServer
from tsmigrate import connect
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.processes import Processes
from tsmigrate.verify.rollback import Report, Wanted, run
from tsmigrate.verify.scratch import PREFIX


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    (made.folder / "migrations" / "versions").mkdir(parents=True)
    made.ini.write_text("[alembic]\nscript_location = %(here)s/migrations\npath_separator = os\n")
    made.env()
    return made


@pytest.fixture(scope="session")
def processes() -> Iterator[Callable[[Path], Processes]]:
    """The same for all tests that run in a folder: what its jobs need takes half a second to import."""
    with ExitStack() as stack:
        yield cache(lambda _folder: stack.enter_context(Processes()))


@pytest.fixture
def rehearse(
    project: Project,
    plain_database: DatabaseUrl,
    processes: Callable[[Path], Processes],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Report]:
    """The rollback test of `project`, with few rows and without crashes unless they are asked for."""
    monkeypatch.setattr("tsmigrate.verify.rollback.Processes", lambda: nullcontext(processes(Path.cwd())))

    def test(**options: Any) -> Report:
        given = {"rows": 5, "crash": Crash.NONE, **options}
        return run(Wanted(ini=project.ini, server=plain_database, **given))

    return test


@pytest.fixture
def scratch_databases(server: TestServer) -> Iterator[Callable[[], list[str]]]:
    """The names of those that are on the server now; none at the end of any test."""

    def names() -> list[str]:
        with connect.connection(server.database("postgres")) as connection:
            query = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}')"
            return list(connection.execute(raw(query)).scalars())

    yield names
    assert names() == []


@pytest.fixture
def plain_connection(plain_database: DatabaseUrl) -> Iterator[Connection]:
    engine = create_engine(plain_database.url)
    with engine.connect() as connected:
        yield connected
    engine.dispose()
