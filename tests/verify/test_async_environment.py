"""An env.py made from Alembic's asynchronous template, by each driver that has an asynchronous side."""

from __future__ import annotations

import pytest

from alembic_project import Project, Rehearse, told
from tsmigrate.finding import Severity
from tsmigrate.verify.crash_points import Crash

pytest.importorskip("greenlet", reason="SQLAlchemy's asynchronous side needs greenlet")

ENV = """
import asyncio

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import async_engine_from_config

settings = context.config.get_section(context.config.config_ini_section, dict())  # {url}


def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def run():
    engine = async_engine_from_config(settings, prefix="sqlalchemy.", poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
"""
UP = """
with op.get_context().autocommit_block():
    op.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    op.execute("CREATE TABLE IF NOT EXISTS readings (at timestamptz NOT NULL, value int)")
op.execute("SELECT create_hypertable('readings', 'at', if_not_exists => true)")
"""
DOWN = """
op.execute("DROP TABLE readings")
op.execute("DROP EXTENSION timescaledb")
"""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_an_asynchronous_environment_passes_cut_off_anywhere(project: Project, rehearse: Rehearse, driver: str) -> None:
    pytest.importorskip(driver)
    project.ini.write_text(project.ini.read_text() + f"sqlalchemy.url = postgresql+{driver}://u@nowhere/production\n")
    project.env(text=ENV)
    project.revision("a1", UP, DOWN)
    report = rehearse(crash=Crash.ALL)
    assert report.differences == (), report.differences
    assert [finding.check for finding in told(report, Severity.OK)] == ["a1", "base"]
