"""A conversion says what it comes to, and how far it is; and goes on whatever becomes of what says so."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from support import TestServer
from tsmigrate import connect
from tsmigrate.ops import progress
from tsmigrate.sql import raw

revision, down_revision = "progress", None
WATCHERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tsmigrate (progress)'"
# Slow only while an index is built, there and back.
SLOW = """
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  IF current_setting('application_name') LIKE 'tsmigrate: building%' THEN PERFORM pg_sleep(0.04); END IF;
  RETURN $1;
END $$
"""


def up() -> None:
    op.create_hypertable("reading", "at", "1 month", migrate_data=True, default_indexes=False)


def down() -> None:
    op.revert_hypertable("reading")


@pytest.fixture
def reading(migration: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AFTER_IN_LOG": 0.1,
        "EVERY_IN_LOG": 0.2,
        "CHANGE_IN_LOG": 0.0,
        "LOOK_EVERY": 0.05,
        "SHARE": 0,
    }.items():
        monkeypatch.setattr(progress, name, value)
    migration.execute(
        SLOW,
        "CREATE TABLE reading (id int, at timestamptz, PRIMARY KEY (id, at))",
        "CREATE INDEX by_slow ON reading (slow(id))",
        "INSERT INTO reading SELECT n, timestamptz '2026-01-01' + n * interval '1 h' FROM generate_series(1, 20) n",
    )
    return migration


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO, "tsmigrate")
    yield caplog
    assert not [thread for thread in threading.enumerate() if thread.name == "tsmigrate progress"]


def ours(told: pytest.LogCaptureFixture) -> list[str]:
    """Without Alembic's own lines."""
    return [record.getMessage() for record in told.records if record.name == "tsmigrate"]


def test_there_and_back_it_says_what_it_comes_to_and_how_far_it_is(
    reading: Any, told: pytest.LogCaptureFixture
) -> None:
    for step in (up, down):
        told.clear()
        reading.run(step)
        first, *rest = ours(told)
        assert first.startswith("reading (copy): locked for about a second, ")
        assert any("building index 2 of 2 " in line and line.endswith(" by_slow") for line in rest), rest
        assert reading.value(WATCHERS) == 0


def test_the_session_has_its_own_name_again_in_the_same_transaction(reading: Any) -> None:
    seen = []

    def step() -> None:
        op.execute("SET LOCAL application_name = 'mine'")
        up()
        seen.append(op.get_bind().execute(raw("SHOW application_name")).scalar_one())

    reading.run(step)
    assert seen == ["mine"]


def test_whoever_holds_the_table_is_named(reading: Any, told: pytest.LogCaptureFixture) -> None:
    with connect.connection(reading.database) as holding:
        holding.execute(raw("LOCK TABLE reading IN ROW EXCLUSIVE MODE"))
        pid = holding.execute(raw("SELECT pg_backend_pid()")).scalar_one()
        release = threading.Timer(1, holding.rollback)
        release.start()
        reading.run(up)
        release.join()
    assert f"waiting for the lock (held by session {pid})" in told.text


def test_it_ends_with_a_conversion_that_fails(reading: Any, told: pytest.LogCaptureFixture) -> None:
    def step() -> None:
        op.execute("SET LOCAL statement_timeout = '900ms'")
        up()

    reading.execute("INSERT INTO reading SELECT n, '2026-01-02' FROM generate_series(21, 60) n")
    with pytest.raises(DBAPIError, match="statement timeout"):
        reading.run(step)
    assert "building index" in told.text
    assert reading.value(WATCHERS) == 0
    assert reading.value("SELECT count(*) FROM timescaledb_information.hypertables") == 0


def test_it_ends_with_ctrl_c_which_takes_the_conversion_back(reading: Any, told: pytest.LogCaptureFixture) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    try:
        with pytest.raises(DBAPIError, match="due to user request"):
            pressed.start()
            reading.run(up)
    finally:
        pressed.cancel()
        signal.signal(signal.SIGINT, before)
    assert reading.value(WATCHERS) == 0
    assert reading.value("SELECT count(*) FROM timescaledb_information.hypertables") == 0


def test_without_a_second_connection_it_goes_on_and_says_so(
    reading: Any, server: TestServer, told: pytest.LogCaptureFixture
) -> None:
    def allow(connections: bool) -> None:
        with connect.connection(server.database("postgres"), isolation_level="AUTOCOMMIT") as connection:
            name = reading.database.url.database
            connection.execute(raw(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {connections}'))

    def step() -> None:
        allow(False)
        try:
            up()
        finally:
            allow(True)

    reading.run(step)
    assert "no progress of reading is shown: the second connection for it failed" in told.text
    assert reading.value("SELECT count(*) FROM reading") == 20


def test_psycopg_3_shows_it_too(reading: Any, told: pytest.LogCaptureFixture) -> None:
    url = reading.database.url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            up()
    assert "building index 2 of 2" in told.text


def test_it_can_be_turned_off(reading: Any, settings: dict[str, str], told: pytest.LogCaptureFixture) -> None:
    settings["progress"] = "off"
    reading.run(up)
    assert ours(told) == []


def test_a_table_without_rows_says_nothing(reading: Any, told: pytest.LogCaptureFixture) -> None:
    reading.execute("TRUNCATE reading")
    reading.run(up)
    assert ours(told) == []


def test_odd_names_are_told_as_far_as_they_fit(reading: Any, told: pytest.LogCaptureFixture) -> None:
    reading.execute(
        'ALTER TABLE reading RENAME TO "Readings, of %s ""1"" building"',
        f'ALTER INDEX by_slow RENAME TO "é by slow{"x" * 50}"',
    )
    reading.run(lambda: op.create_hypertable('Readings, of %s "1" building', "at", "1 month", migrate_data=True))
    assert '"Readings, of %s ""1"" building" (copy): locked for' in told.text
    assert '"Readings, of %s ""1"" buildi…' in told.text
    assert '"? by slowxxx' in told.text


def test_sql_asks_nothing(reading: Any, told: pytest.LogCaptureFixture) -> None:
    printed = reading.sql(up)
    assert "tsmigrate_estimate" not in printed
    assert "tsmigrate: moving rows" in printed
    assert ours(told) == []
