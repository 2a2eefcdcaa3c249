"""A user's project runs pytest-alembic's default tests on our scratch database."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

from alembic_project import Project
from tsmigrate import sandbox
from tsmigrate.capability import Edition
from tsmigrate.sandbox.engines import Engine

ENV = """
import sqlalchemy as sa
from alembic import context
from tsmigrate.ops import environment

metadata = sa.MetaData()
sa.Table("t", metadata, sa.Column("a", sa.Integer))  # {url}
with environment.connection() as connection:
    context.configure(connection=connection, transaction_per_migration=True, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
TESTS = """
import pytest
from pytest_alembic.tests import (
    test_model_definitions_match_ddl, test_single_head_revision, test_up_down_consistency, test_upgrade
)
from tsmigrate.verify.pytest import scratch_engine

@pytest.fixture
def alembic_engine():
    with scratch_engine(edition={edition!r}) as engine:
        yield engine
"""
IN_A_SANDBOX_OF_ANY_EDITION = """
from pytest_alembic.tests import test_upgrade
from tsmigrate.verify.pytest import alembic_engine
"""


def pytest_in(project: Project, tests: str, *more: str) -> str:
    (project.folder / "test_it.py").write_text(dedent(tests))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        project.folder,
        "test_it.py",
        *more,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=project.folder)
    return done.stdout


def test_the_four_default_tests_pass_and_tell_a_model_that_drifted(
    project: Project, edition: Edition, engine: Engine
) -> None:
    project.env(text=ENV)
    project.revision("a1", "CREATE TABLE t (a int);\nCREATE EXTENSION timescaledb",
                     "DROP EXTENSION timescaledb;\nDROP TABLE t")  # fmt: skip
    assert "4 passed" in pytest_in(project, TESTS.format(edition=str(edition)))
    project.revision("b2", "CREATE TABLE u (a int)", "DROP TABLE u", after="a1")
    said = pytest_in(project, TESTS.format(edition=str(edition)), "-k", "model")
    assert "1 failed" in said
    assert "op.drop_table('u')" in said
    assert not [found for found in sandbox.every() if found.sandbox.name.startswith("rollback-")]


def test_the_fixture_alone_brings_a_database(project: Project, edition: Edition, engine: Engine) -> None:
    project.env(text=ENV)
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    assert "1 passed" in pytest_in(project, IN_A_SANDBOX_OF_ANY_EDITION)
