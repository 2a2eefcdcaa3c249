"""An env.py of Alembic's asynchronous template is in step after its upgrade, by each driver."""

from __future__ import annotations

from typing import Any

import pytest

from autogenerate_support import DAILY, model
from tsmigrate.schema import Columnstore, Refresh, Reorder, Retention, timescale

pytest.importorskip("greenlet", reason="SQLAlchemy's asynchronous side needs greenlet")

ENV = """
import asyncio

from alembic import context
from sqlalchemy import make_url, pool
from sqlalchemy.ext.asyncio import create_async_engine

import tsmigrate.autogenerate

settings = context.config.attributes
url = make_url(context.get_x_argument(as_dictionary=True)["url"]).set(drivername="postgresql+{driver}")


def migrate(connection):
    context.configure(connection=connection, target_metadata=settings["metadata"], transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def run():
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
"""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_it_is_in_step_after_the_upgrade(team: Any, driver: str, edition: str) -> None:
    pytest.importorskip(driver)
    (team.folder / "env.py").write_text(ENV.format(driver=driver))
    team.settings = {"tsmigrate.on_unsupported": "skip"}
    kept = (Columnstore(["device"], ["at DESC"], "7 days"), Retention("1 year"), Reorder("reading_at_idx"))
    hourly = {"refresh": Refresh("3 days", None, "1 hour"), "columnstore": Columnstore(["device"], after="1 year")}
    team.models(model(timescale(DAILY, *kept), hourly))
    team.revision()
    team.upgrade()
    team.check()
    team.downgrade()
