"""After `tsmigrate init` each template of Alembic upgrades to a hypertable, and `alembic check` finds nothing to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import Run
from tsmigrate import connect
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

MODELS = """
from sqlalchemy import Column, DateTime, Integer, MetaData, Table

nothing = MetaData()
metadata = MetaData()
Table("reading", metadata, Column("at", DateTime(timezone=True)), Column("value", Integer))
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "a1", None


def upgrade{engine}():
    op.create_timescaledb_extension()
    op.create_table("reading", sa.Column("at", sa.DateTime(timezone=True)), sa.Column("value", sa.Integer))
    op.create_hypertable("reading", "at", "1 day")


def downgrade{engine}():
    op.revert_hypertable("reading")
    op.drop_table("reading")
    op.drop_timescaledb_extension()
"""
OF_SEVERAL = """

def upgrade(engine_name):
    if engine_name == "engine1":
        upgrade_engine1()


def downgrade(engine_name):
    if engine_name == "engine1":
        downgrade_engine1()
"""
DRIVERS = {"async": "asyncpg", "pyproject_async": "psycopg"}


def prepare(alembic: Run, folder: Path, template: str, urls: list[str]) -> None:
    """A new project of that template, with models, a revision and its databases."""
    assert alembic("init", "-t", template, "migrations").returncode == 0
    (folder / "models.py").write_text(MODELS)
    engine = "_engine1" if template == "multidb" else ""
    text = REVISION.format(engine=engine) + (OF_SEVERAL if engine else "")
    (folder / "migrations" / "versions" / "a1.py").write_text(text)
    env = folder / "migrations" / "env.py"
    env.write_text(
        env.read_text()
        .replace("target_metadata = None", "import models\ntarget_metadata = models.metadata")
        .replace(
            "target_metadata = {}",
            'import models\ntarget_metadata = {"engine1": models.metadata, "engine2": models.nothing}',
        )
    )
    ini = folder / "alembic.ini"
    text = ini.read_text()
    for name, url in zip(("dbname2", "dbname"), reversed([*urls, *urls][:2]), strict=True):
        text = text.replace(f"driver://user:pass@localhost/{name}\n", url.replace("%", "%%") + "\n")
    ini.write_text(text)


@pytest.fixture
def databases(plain_database: DatabaseUrl, database: DatabaseUrl) -> list[DatabaseUrl]:
    return [plain_database, database]


@pytest.mark.parametrize("template", ["generic", "pyproject", "multidb", "async", "pyproject_async"])
def test_a_template_upgrades_and_checks_clean(
    tsmigrate: Run, alembic: Run, tmp_path: Path, databases: list[DatabaseUrl], template: str
) -> None:
    driver = DRIVERS.get(template, "psycopg2")
    pytest.importorskip(driver)
    urls = [each.url.set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False) for each in databases]
    prepare(alembic, tmp_path, template, urls)
    refused = alembic("upgrade", "head")
    assert "has no attribute 'create_timescaledb_extension'" in refused.stderr  # the plugin brings the operations
    done = tsmigrate("init", "--yes")
    assert done.returncode == (1 if template == "multidb" else 0), done.stdout  # it begins a transaction itself
    for step in (["upgrade", "head"], ["check"]):
        done = alembic(*step)
        assert done.returncode == 0, done.stderr
    with connect.connection(databases[0]) as connection:
        query = "SELECT hypertable_name FROM timescaledb_information.hypertables"
        assert connection.execute(raw(query)).scalar_one() == "reading"
