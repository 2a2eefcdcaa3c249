"""`alembic` in this project finds its database by tsmigrate's rules and tells errors in a line."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from support import Run
from tsmigrate import connect
from tsmigrate.url import DatabaseUrl

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alembic(alembic: Run) -> Run:
    return partial(alembic, cwd=ROOT)


def test_upgrade_head_works_by_itself_on_the_database_named_by_x(alembic: Run, plain_database: DatabaseUrl) -> None:
    done = alembic("-x", f"url={plain_database.full}", "upgrade", "head")
    assert done.returncode == 0, done.stderr
    with connect.connection(plain_database) as connection:
        assert connection.dialect.has_table(connection, "alembic_version")


def test_the_environment_variable_names_it_too(alembic: Run, plain_database: DatabaseUrl) -> None:
    assert alembic("current", TSMIGRATE_URL=plain_database.full).returncode == 0


def test_sql_is_printed_without_any_database(alembic: Run, tmp_path: Path) -> None:
    done = alembic("upgrade", "head", "--sql", TSMIGRATE_STATE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:hidden@127.0.0.1:1/d"])
def test_a_database_that_cannot_be_had_is_told_without_a_traceback(alembic: Run, url: str) -> None:
    done = alembic("-x", f"url={url}", "current")
    assert done.returncode != 0
    assert "mend: " in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr + done.stdout


@pytest.mark.parametrize("whole_engine", [False, True], ids=["connection", "engine"])
def test_a_connection_that_a_program_hands_over_comes_first(plain_database: DatabaseUrl, whole_engine: bool) -> None:
    config = Config(ROOT / "alembic.ini", cmd_opts=Namespace(x=["url=postgresql://127.0.0.1:1/nowhere"]))
    engine = create_engine(plain_database.url)
    with engine.connect() as connection:
        config.attributes["connection"] = engine if whole_engine else connection
        command.upgrade(config, "0001")
        assert connection.dialect.has_table(connection, "profiles", schema="sms")
    engine.dispose()
