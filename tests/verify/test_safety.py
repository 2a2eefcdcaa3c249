"""Nothing but the scratch database is touched, and it is gone at the end, however the test ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from alembic_project import GOOD_ENV, Project, Rehearse
from support import Run
from tsmigrate import sandbox
from tsmigrate.errors import BlockedError
from tsmigrate.sandbox import places
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.rollback import Wanted, run

Names = Callable[[], list[str]]
CREATOR = GOOD_ENV.replace(
    "create_engine({url})",
    "create_engine('postgresql+psycopg2://', creator=lambda: __import__('psycopg2').connect({url}))",
)
SWALLOWED = """
from alembic import context
from sqlalchemy import create_engine
try:
    create_engine({url}).connect()
except Exception:
    pass
"""


@pytest.fixture
def with_a_table(project: Project) -> Project:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    return project


@pytest.mark.parametrize("text", [GOOD_ENV, CREATOR, SWALLOWED], ids=["url", "creator", "swallowed"])
def test_an_env_py_that_goes_elsewhere_is_refused_and_its_database_untouched(
    with_a_table: Project,
    rehearse: Rehearse,
    database: DatabaseUrl,
    connection: Connection,
    text: str,
) -> None:
    address = (
        database.full if text is not CREATOR else database.url.set(drivername="postgresql").render_as_string(False)
    )
    with_a_table.env(repr(address), text)
    with pytest.raises(BlockedError, match=f"asks for {database.url.database}. Nothing was changed there"):
        rehearse()
    found = connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert found.scalar_one() == 0


@pytest.mark.parametrize(
    "url",
    [
        'context.config.get_main_option("sqlalchemy.url")',
        '__import__("os").environ["DATABASE_URL"]',
        '__import__("os").environ["TSMIGRATE_URL"]',
        '"postgresql+psycopg2://"',
    ],
)
def test_an_env_py_may_take_its_url_from_any_usual_place(with_a_table: Project, rehearse: Rehearse, url: str) -> None:
    with_a_table.env(url)
    assert rehearse().exit_code == 0


def test_the_url_keeps_the_driver_that_the_project_uses(
    with_a_table: Project, rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://u@nowhere/production")
    with_a_table.env('__import__("os").environ["DATABASE_URL"]')
    assert rehearse().exit_code == 0


def test_the_url_of_the_ini_file_is_replaced(with_a_table: Project, rehearse: Rehearse) -> None:
    with_a_table.ini.write_text(
        with_a_table.ini.read_text() + "sqlalchemy.url = postgresql://u:p%%40@nowhere/production\n"
    )
    with_a_table.env('context.config.get_main_option("sqlalchemy.url").replace("postgresql:", "postgresql+psycopg2:")')
    assert rehearse().exit_code == 0


def test_the_scratch_database_is_gone_after_success_and_failure(
    with_a_table: Project, rehearse: Rehearse, scratch_databases: Names
) -> None:
    rehearse()
    assert scratch_databases() == []
    with_a_table.env(text="raise RuntimeError('no')  # {url}")
    with pytest.raises(BlockedError, match="fails on an empty database"):
        rehearse()
    assert scratch_databases() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_the_scratch_database_is_gone_after_a_signal(
    project: Project, plain_database: DatabaseUrl, scratch_databases: Names, number: signal.Signals, code: int
) -> None:
    project.revision("a1", "SELECT pg_sleep(60)", "")
    running = subprocess.Popen(
        [Path(sysconfig.get_path("scripts")) / "tsmigrate", "rollback-test", "--url", plain_database.full],
        cwd=project.folder,
        stderr=subprocess.DEVNULL,
    )
    while not scratch_databases():
        assert running.poll() is None
        time.sleep(0.1)
    time.sleep(1.5)
    running.send_signal(number)
    assert running.wait(30) == code
    assert scratch_databases() == []


def test_the_sandbox_of_its_own_goes_with_it(with_a_table: Project, edition: object, engine: object) -> None:
    report = run(Wanted(ini=with_a_table.ini, edition=edition))  # type: ignore[arg-type]
    assert report.exit_code == 0
    assert str(edition) in report.server
    assert not [found for found in sandbox.every() if found.sandbox.name.startswith("rollback-")]


def test_a_role_that_may_make_no_database_is_told_so(
    with_a_table: Project, rehearse: Rehearse, plain_database: DatabaseUrl, plain_connection: Connection
) -> None:
    role = f"nobody_{os.getpid()}"
    plain_connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    plain_connection.commit()
    try:
        url = plain_database.url.update_query_dict({"options": f"-c role={role}"})
        with pytest.raises(BlockedError, match="cannot make a scratch database"):
            run(Wanted(ini=with_a_table.ini, server=DatabaseUrl(url, source="the test")))
    finally:
        plain_connection.exec_driver_sql(f"DROP ROLE {role}")
        plain_connection.commit()


def test_no_state_of_ours_is_left(with_a_table: Project, tsmigrate: Run, plain_database: DatabaseUrl) -> None:
    tsmigrate("rollback-test", "-c", with_a_table.ini, "--url", plain_database.full)
    assert not list(places.sandboxes().glob("rollback-*"))
