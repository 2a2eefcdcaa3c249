"""A project in a folder with Alembic run in it as a team does; and what autogenerate proposes, in plain words."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

import tsmigrate.autogenerate  # noqa: F401 - what is tested
from autogenerate_support import PLAIN
from support import Take
from tsmigrate import connect
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

Proposed = Callable[..., list[str]]
ENV = """
from alembic import context
from sqlalchemy import create_engine, event

import tsmigrate.autogenerate
from tsmigrate.ops import environment

settings = context.config.attributes
with environment.connection() as connection:
    for statement in settings["session"]:
        connection.exec_driver_sql(statement)
    connection.dialect.default_schema_name = connection.exec_driver_sql("SELECT current_schema()").scalar()
    connection.commit()
    connection = connection.execution_options(schema_translate_map=settings["translate"])
    context.configure(
        connection=connection,
        target_metadata=settings["metadata"],
        transaction_per_migration=True,
        **settings["options"],
    )
    with context.begin_transaction():
        context.run_migrations()
"""
TEMPLATE = Path(__file__).parents[2] / "migrations" / "script.py.mako"


@dataclass
class Team:
    """A team's project. `models` is what it has written of its tables, and may change as the team goes on."""

    folder: Path
    database: DatabaseUrl
    take: Take
    options: dict[str, Any] = field(default_factory=dict)
    session: list[str] = field(default_factory=list)
    translate: dict[Any, Any] | None = None
    settings: dict[str, str] = field(default_factory=dict)
    metadata: MetaData = field(default_factory=MetaData)
    ini: Path | None = None

    def models(self, metadata: MetaData) -> None:
        self.metadata = metadata

    def config(self) -> Config:
        config = Config(self.ini, cmd_opts=Namespace(x=[f"{name}={value}" for name, value in self.settings.items()]))
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes.update(
            metadata=self.metadata, options=self.options, session=self.session, translate=self.translate
        )
        config.cmd_opts.x.append(f"url={self.database.url.render_as_string(hide_password=False)}")
        return config

    def revision(self, message: str = "next") -> str:
        """The text of the revision that Alembic generates."""
        made: Any = command.revision(self.config(), message, autogenerate=True)
        return Path(made.path).read_text()

    def upgrade(self, to: str = "head") -> None:
        command.upgrade(self.config(), to)

    def downgrade(self, to: str = "-1") -> None:
        command.downgrade(self.config(), to)

    def check(self) -> None:
        """`alembic check`: fails where there is a difference."""
        command.check(self.config())

    def diffs(self, plugins: list[str] | None = None) -> list[Any]:
        """What autogenerate sees; with PLAIN, as it does without tsmigrate."""
        options = {**self.options, **({"autogenerate_plugins": plugins} if plugins else {})}
        with connect.connection(self.database) as connection:
            return compare_metadata(MigrationContext.configure(connection, opts=options), self.metadata)

    def step(self, models: MetaData) -> str:
        """A model changes: generated, upgraded, in step, taken back byte for byte, and upgraded to the same again."""
        self.models(models)
        before = self.snapshot()
        text = self.revision()
        self.upgrade()
        self.check()
        after = self.snapshot()
        self.downgrade()
        assert self.snapshot() == before
        self.upgrade()
        assert self.snapshot() == after
        return text

    def snapshot(self) -> Snapshot:
        return self.take(self.database)

    def execute(self, *statements: str) -> None:
        with connect.connection(self.database) as connection:
            for statement in statements:
                connection.execute(raw(statement))
            connection.commit()

    def value(self, query: str) -> Any:
        with connect.connection(self.database) as connection:
            return connection.execute(raw(query)).scalar_one_or_none()


@pytest.fixture
def team(tmp_path: Path, database: DatabaseUrl, take: Take) -> Team:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "script.py.mako").write_text(TEMPLATE.read_text())
    return Team(folder, database, take)


@pytest.fixture
def execute(connection: Connection) -> Callable[..., None]:
    def run(*statements: str) -> None:
        for statement in statements:
            connection.execute(raw(statement))

    return run


@pytest.fixture
def proposed(connection: Connection) -> Proposed:
    """What would be done to bring the database to these models."""
    return lambda models, **options: compared(connection, models, **options)


@pytest.fixture
def plainly_proposed(proposed: Proposed) -> Proposed:
    """The same by Alembic as it is."""
    return lambda models, **options: proposed(models, autogenerate_plugins=PLAIN, **options)


def compared(connection: Connection, models: MetaData, **options: Any) -> list[str]:
    context = MigrationContext.configure(connection, opts=options)
    operations = produce_migrations(context, models).upgrade_ops
    assert operations
    return sorted(_in_words(operations.as_diffs()))


def _in_words(diffs: list[Any]) -> Iterator[str]:
    for diff in diffs:
        if isinstance(diff, list):
            yield from _in_words(diff)
        elif diff[0].startswith("modify_"):
            yield f"{diff[0]} {diff[2]}.{diff[3]}"
        elif diff[0].endswith("_column"):
            yield f"{diff[0]} {diff[2]}.{diff[3].name}"
        else:
            schema = getattr(diff[1], "schema", None)
            yield f"{diff[0]} {schema}.{diff[1].name}" if schema else f"{diff[0]} {diff[1].name}"
