"""What a block tells reaches the log by every driver that an env.py may use."""

from __future__ import annotations

import asyncio

import pytest
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from tsmigrate.ops import notices
from tsmigrate.plpgsql import as_do, tell
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

BLOCK = as_do(f"""
BEGIN
  {tell("'80% of ' || 5")}
  RAISE NOTICE 'nothing of ours';
  {tell("'no index is left'", "WARNING")}
END
""")
LOGGED = [("tsmigrate", 20, "80% of 5"), ("tsmigrate", 30, "no index is left")]


def run(connection: Connection) -> None:
    with notices.told(MigrationContext.configure(connection)):
        connection.execute(raw(BLOCK))
    connection.execute(raw(BLOCK))  # not ours any more


@pytest.fixture(autouse=True)
def _level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tsmigrate")


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_what_a_block_tells_is_logged(
    plain_database: DatabaseUrl, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(plain_database.url.set(drivername=f"postgresql+{driver}"))
    with engine.connect() as connection:
        run(connection)
    engine.dispose()
    assert [each for each in caplog.record_tuples if each[0] == "tsmigrate"] == LOGGED


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_an_asynchronous_environment_logs_it_too(
    plain_database: DatabaseUrl, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("greenlet", reason="SQLAlchemy's asynchronous side needs greenlet")
    pytest.importorskip(driver)

    async def environment() -> None:
        engine = create_async_engine(plain_database.url.set(drivername=f"postgresql+{driver}"))
        async with engine.connect() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(environment())
    assert [each for each in caplog.record_tuples if each[0] == "tsmigrate"] == LOGGED
