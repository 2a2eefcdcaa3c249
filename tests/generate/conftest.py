"""A project with one revision that makes plain tables, on a database of its own, and what a user does with it."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alembic
import pytest
from alembic import command
from alembic.config import Config

from advise_support import Desk
from alembic_project import BY_ARGUMENT, GOOD_ENV, Project
from support import Run, Take
from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.checksum import Rows
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import Position, of_sequences
from tsmigrate.catalog.snapshot import difference
from tsmigrate.catalog.tables import user_tables
from tsmigrate.sql import literal, raw
from tsmigrate.url import DatabaseUrl

HERE = Path(__file__).parent
INI = "[alembic]\nscript_location = %(here)s/migrations\ntsmigrate.on_unsupported = skip\n"
ENV = f"import tsmigrate.autogenerate\n{GOOD_ENV}"


@dataclass(frozen=True)
class Site:
    """A project and its database."""

    project: Project
    database: DatabaseUrl
    tsmigrate: Run
    take: Take

    @property
    def desk(self) -> Desk:
        return Desk(self.database)

    @property
    def folder(self) -> Path:
        return self.project.folder

    @property
    def versions(self) -> Path:
        return self.folder / "migrations" / "versions"

    def begin(self, schema: str, rows: str = "") -> None:
        """The plain tables, as revision `plain`; and rows, in tables that the catalogs then say are large."""
        self.project.env(BY_ARGUMENT, ENV)
        self.project.revision("plain", f"op.execute(sa.text({schema.replace(':', chr(92) + ':')!r}))", "SELECT 1")
        self.upgrade()
        if rows:
            self.desk.run(rows)

    def upgrade(self, revision: str = "head") -> None:
        command.upgrade(self._config(), revision)

    def downgrade(self, revision: str = "plain") -> None:
        command.downgrade(self._config(), revision)

    def _config(self) -> Config:
        return Config(self.project.ini, cmd_opts=Namespace(x=[f"url={self.database.full}"]))

    def run(self, *arguments: object, **environment: str) -> Any:
        return self.tsmigrate(*arguments, "--url", self.database.full, cwd=self.folder, **environment)

    def plan(self, *arguments: object, file: str = "plan.toml") -> str:
        done = self.run("analyze", "--fast", "--plan", file, *arguments)
        assert done.returncode in (0, 1), done.stderr
        return (self.folder / file).read_text()

    def generate(self, *arguments: object, code: int = 0, rehearse: bool = False, **environment: str) -> dict[str, Any]:
        """What it reports, as JSON."""
        trying = "--rehearse" if rehearse else "--no-rehearse"
        done = self.run("generate", *arguments, trying, "--format", "json", **environment)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def written(self) -> list[Path]:
        return sorted(each for each in self.versions.glob("*.py") if each.name != "plain.py")

    def contents(self) -> tuple[dict[Relation, Rows], dict[Relation, Position]]:
        with connect.connection(self.database) as connection:
            tables = user_tables(connection)
            return {each: checksum.of_table(connection, each.name, each.schema) for each in tables}, of_sequences(
                connection
            )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with connect.connection(self.database) as connection:
            return [tuple(row) for row in connection.execute(raw(query)).all()]

    def hypertables(self) -> dict[str, tuple[str, str]]:
        rows = self.ask(
            "SELECT hypertable_name, column_name, coalesce(time_interval::text, integer_interval::text) "
            "FROM timescaledb_information.dimensions"
        )
        return {name: (column, interval) for name, column, interval in rows}

    def foreign_keys(self, table: str) -> dict[str, str]:
        rows = self.ask(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' "
            f"AND conparentid = 0 AND conrelid = {literal(table)}::regclass"
        )
        return dict(rows)

    def goes_up_and_comes_back(self, look: Callable[[], None], begin: str = "plain") -> None:
        """To the head and back: byte for byte the same schema, the same rows and positions of sequences."""
        schema, before = self.take(self.database), self.contents()
        self.upgrade()
        look()
        self.downgrade(begin)
        lost = difference(schema, self.take(self.database))
        assert lost == "", lost
        assert self.contents() == before


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text(INI)
    template = Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"
    shutil.copy(template, tmp_path / "migrations")
    return Project(tmp_path)


@pytest.fixture
def plain_site(project: Project, plain_database: DatabaseUrl, tsmigrate: Run, take: Take) -> Site:
    """On a database without the extension."""
    return Site(project, plain_database, tsmigrate, take)


@pytest.fixture
def site(project: Project, database: DatabaseUrl, tsmigrate: Run, take: Take) -> Site:
    return Site(project, database, tsmigrate, take)
