"""TimescaleDB's own schemas are not a team's tables."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations.ops import DropTableOp
from sqlalchemy import Connection, MetaData

import tsmigrate.autogenerate  # noqa: F401 - what is tested


@pytest.fixture
def hypertable(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE reading (at timestamptz NOT NULL, value int)")
    connection.exec_driver_sql("SELECT create_hypertable('reading', by_range('at', interval '1 day'))")
    connection.exec_driver_sql(
        "INSERT INTO reading SELECT at, 1 FROM generate_series('2026-01-01'::timestamptz, '2026-01-05', '1 day') at"
    )


def dropped(connection: Connection, **options: object) -> set[tuple[str | None, str]]:
    context = MigrationContext.configure(connection, opts={"include_schemas": True, **options})
    operations = produce_migrations(context, MetaData()).upgrade_ops
    assert operations
    return {(op.schema, op.table_name) for op in operations.ops if isinstance(op, DropTableOp)}


@pytest.mark.filterwarnings("ignore:Did not recognize type:sqlalchemy.exc.SAWarning")  # of TimescaleDB's own columns
def test_plain_alembic_wants_to_drop_the_chunks(connection: Connection, hypertable: None) -> None:
    without = ["alembic.autogenerate.*", "~alembic.autogenerate.tsmigrate"]
    assert any(schema == "_timescaledb_internal" for schema, _ in dropped(connection, autogenerate_plugins=without))


def test_with_the_plugin_only_the_table_without_a_model_is_dropped(connection: Connection, hypertable: None) -> None:
    assert dropped(connection) == {(None, "reading")}


def test_what_waits_for_a_downgrade_is_not_dropped(connection: Connection) -> None:
    for schema in ("tsmigrate", "tsmigrate_partitioned", "tsmigrate_attached"):
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        connection.exec_driver_sql(f"CREATE TABLE {schema}.undo (x int)")
    assert dropped(connection) == set()


def test_importing_it_again_in_one_process_is_harmless() -> None:
    again = "import importlib, tsmigrate.autogenerate as a; importlib.reload(a); importlib.reload(a)"
    subprocess.run([sys.executable, "-c", again], check=True)
