"""TimescaleDB's own schemas, and chunks wherever they are, are not a team's tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from alembic.util import CommandError
from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, Table, event

from autogenerate.conftest import Proposed, compared
from tsmigrate import connect
from tsmigrate.sandbox import cluster
from tsmigrate.sandbox.engines import Engine
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl, parse

Execute = Callable[..., None]
DAYS = 30


@pytest.fixture
def hypertable(execute: Execute) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, value int)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT at, 1 FROM "
        f"generate_series(timestamptz '2026-01-01', timestamptz '2026-01-01' + interval '{DAYS} days', '1 day') at",
    )


def reading() -> MetaData:
    models = MetaData()
    Table("reading", models, Column("at", DateTime(timezone=True), nullable=False), Column("value", Integer))
    return models


@pytest.mark.filterwarnings("ignore:Did not recognize type:sqlalchemy.exc.SAWarning")  # of TimescaleDB's own columns
def test_plain_alembic_drops_every_chunk_and_timescaledbs_own_tables(
    plainly_proposed: Proposed, hypertable: None
) -> None:
    dropped = plainly_proposed(reading(), include_schemas=True)
    assert sum(each.startswith("remove_table _timescaledb_internal._hyper_") for each in dropped) > DAYS
    assert "remove_table _timescaledb_catalog.hypertable" in dropped


def test_none_of_that_is_proposed(proposed: Proposed, hypertable: None) -> None:
    assert proposed(reading(), include_schemas=True) == []


def test_a_table_without_a_model_is_dropped_its_chunks_are_not_named(proposed: Proposed, hypertable: None) -> None:
    assert proposed(MetaData(), include_schemas=True) == ["remove_table reading"]


def test_a_comparison_costs_the_same_however_many_chunks_there_are(
    proposed: Proposed, connection: Connection, execute: Execute, hypertable: None
) -> None:
    """Neither a statement nor a reflected row more: it is the number of both that made 2,000 chunks take 20 s.

    And none that asks of TimescaleDB's own schemas or of a chunk, so that there is nothing which could grow with them.
    """
    by_us: list[Asked] = []

    def cost() -> tuple[int, int]:
        with listening(connection) as asked:
            proposed(reading(), include_schemas=True)
        by_us[:] = asked
        return len(asked), sum(each.rows for each in asked)

    cost()  # what is asked once a connection
    many = cost()
    assert [each for each in by_us if each.is_about_chunks] == []
    assert any("reading" in each.parameters for each in by_us)  # it can be seen what is asked about
    execute("SELECT drop_chunks('reading', older_than => timestamptz '2027-01-01')")
    assert cost() == many


@pytest.mark.filterwarnings("ignore:Did not recognize type:sqlalchemy.exc.SAWarning")  # of TimescaleDB's own columns
def test_plain_alembic_asks_about_every_chunk(
    plainly_proposed: Proposed, connection: Connection, hypertable: None
) -> None:
    with listening(connection) as asked:
        plainly_proposed(reading(), include_schemas=True)
    assert any(each.is_about_chunks for each in asked)
    assert sum(each.rows for each in asked) > 10 * DAYS


@dataclass(frozen=True)
class Asked:
    rows: int
    parameters: str

    @property
    def is_about_chunks(self) -> bool:
        return "_timescaledb_" in self.parameters or "_hyper_" in self.parameters


@contextmanager
def listening(connection: Connection) -> Iterator[list[Asked]]:
    """Each statement: what it is about (reflection binds the names of schemas and tables), and the rows it brings."""
    asked: list[Asked] = []

    def after(_connection: object, cursor: Any, _statement: str, parameters: object, *_: object) -> None:
        asked.append(Asked(cursor.rowcount, repr(parameters)))

    event.listen(connection, "after_cursor_execute", after)
    yield asked
    event.remove(connection, "after_cursor_execute", after)


def test_chunks_in_a_schema_of_the_teams_stay_and_its_own_tables_are_compared(
    proposed: Proposed, execute: Execute
) -> None:
    execute(
        "CREATE SCHEMA ours",
        "CREATE TABLE ours.forgotten (id int)",
        "CREATE TABLE reading (at timestamptz NOT NULL, value int)",
        "SELECT create_hypertable('reading', 'at', associated_schema_name => 'ours')",
        "INSERT INTO reading VALUES (now(), 1)",
    )
    assert proposed(reading(), include_schemas=True) == ["remove_table ours.forgotten"]


def test_chunks_among_the_tables_of_the_default_schema_stay(proposed: Proposed, execute: Execute) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, value int)",
        "SELECT create_hypertable('reading', 'at', associated_schema_name => 'public')",
        "INSERT INTO reading VALUES (now(), 1)",
    )
    assert proposed(reading()) == []


def test_what_a_downgrade_is_remembered_by_stays(proposed: Proposed, execute: Execute) -> None:
    execute(
        "CREATE SCHEMA tsmigrate", "CREATE TABLE tsmigrate.undo (revision text)", "CREATE SCHEMA tsmigrate_attached"
    )
    execute("CREATE TABLE tsmigrate_attached.tsmigrate_attached (at timestamptz)")
    execute("CREATE SCHEMA tsmigrate_partitioned2", "CREATE TABLE tsmigrate_partitioned2.reading (at timestamptz)")
    assert proposed(MetaData(), include_schemas=True) == []


def test_a_database_without_the_extension_is_compared_as_ever(plain_database: DatabaseUrl) -> None:
    with connect.connection(plain_database) as connection:
        assert compared(connection, reading(), include_schemas=True) == ["add_table reading"]


def test_a_server_that_lost_its_preload_is_told_and_not_asked_more(bare_cluster: Any, engine: Engine) -> None:
    """TimescaleDB's views would end the connection, and without them its index would be proposed to be dropped."""
    made = bare_cluster(engine)
    there = DatabaseUrl(parse(made.url.replace("/sandbox?", "/postgres?")), "the test")
    with connect.connection(there) as connection:
        connection.execute(raw("CREATE EXTENSION timescaledb"))
        connection.execute(raw("CREATE TABLE reading (at timestamptz NOT NULL, value int)"))
        connection.execute(raw("SELECT create_hypertable('reading', 'at')"))
        connection.commit()
    cluster.stop(made, at_once=False)
    cluster.start(replace(made, preload=""), tcp=False)
    with connect.connection(there) as connection, pytest.raises(CommandError, match="does not preload timescaledb"):
        compared(connection, reading())


def test_importing_it_again_in_one_process_is_harmless() -> None:
    again = "import importlib, tsmigrate.autogenerate as a; importlib.reload(a); importlib.reload(a)"
    subprocess.run([sys.executable, "-c", again], check=True)


def test_another_kind_of_database_is_left_alone() -> None:
    compare = (
        "import sqlalchemy, tsmigrate.autogenerate\n"
        "from alembic.autogenerate import compare_metadata\n"
        "from alembic.migration import MigrationContext\n"
        "with sqlalchemy.create_engine('sqlite://').connect() as connection:\n"
        "    connection.exec_driver_sql('CREATE TABLE beside (id int)')\n"
        "    diffs = compare_metadata(MigrationContext.configure(connection), sqlalchemy.MetaData())\n"
        "assert [diff[0] for diff in diffs] == ['remove_table'], diffs\n"
    )
    subprocess.run([sys.executable, "-c", compare], check=True)
