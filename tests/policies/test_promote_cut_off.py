"""`promote` that is cut off anywhere goes on where it was, and nobody who reads an aggregate notices."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from convert_support import until
from ops.conftest import Migration
from policies import cut_short, moving_up
from policies.moving_up import READ, Server, shown
from support import Run
from tsmigrate import connect
from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.errors import BlockedError
from tsmigrate.promote import promote
from tsmigrate.sql import identifier, raw

pytestmark = pytest.mark.usefixtures("settings")
EVERY = 33
"""Which statements and commits of some 170 are cut off at; the slow run takes them all."""


class Emulated:
    """A database of what is emulated on a server that can do it itself by now, as often as one likes."""

    def __init__(self, server: Server, plain: Snapshot) -> None:
        self.server, self.plain = server, plain
        self.rows = [shown(server.migration, name) for name in READ]
        self.promoted = self._promoted()

    def copy(self) -> Migration:
        name = f"copy_{time.monotonic_ns()}"
        with connect.connection(self.server.database("postgres").database) as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                f"CREATE DATABASE {identifier(name)} TEMPLATE sandbox STRATEGY FILE_COPY"
            )
        return self.server.database(name)

    def drop(self, migration: Migration) -> None:
        with connect.connection(self.server.database("postgres").database) as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                f"DROP DATABASE {identifier(str(migration.database.url.database))} WITH (FORCE)"
            )

    def _promoted(self) -> Snapshot:
        """What it comes to where nothing is cut off."""
        migration = self.copy()
        self.finish(migration)
        snapshot = migration.snapshot()
        self.drop(migration)
        return snapshot

    def finish(self, migration: Migration) -> None:
        """Run it (again) to its end."""
        until(lambda: migration.value(THEIRS) == 0)
        with connect.connection(migration.database) as connection:
            assert [each.refused for each in promote(connection, lambda _: None) if each.refused] == []

    def check(self, migration: Migration, where: object) -> None:
        """All is native, once, with the same rows and nothing beside it, and the way back is as ever."""
        assert [shown(migration, name) for name in READ] == self.rows, where
        self.finish(migration)
        assert [shown(migration, name) for name in READ] == self.rows, where
        assert difference(self.promoted, migration.snapshot()) == "", where
        assert migration.value(JOBS) == 7, where
        assert migration.value("SELECT to_regclass('tsmigrate.policy')") is None, where
        migration.execute("DROP VIEW report, guarded")
        migration.run(moving_up.downgrade)
        migration.execute("DROP SCHEMA tsmigrate_archive CASCADE")
        assert difference(self.plain, migration.snapshot()) == "", where


THEIRS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tsmigrate' "
    "AND pid <> pg_backend_pid()"
)
JOBS = "SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000"


@pytest.fixture(scope="module")
def emulated(own_state: object) -> Iterator[Emulated]:
    with pytest.MonkeyPatch.context() as patch, moving_up.server("cut-off") as server:
        patch.setattr("tsmigrate.ops.run._setting", {"on_unsupported": "emulate", "allow_data_loss": "true"}.get)
        moving_up.load(server.migration)
        plain = server.migration.snapshot()
        server.migration.run(moving_up.up)
        moving_up.use(server.migration)
        server.move_up()
        yield Emulated(server, plain)


@pytest.fixture
def copy(emulated: Emulated, settings: dict[str, str]) -> Iterator[Migration]:
    settings |= {"on_unsupported": "emulate", "allow_data_loss": "true"}
    migration = emulated.copy()
    yield migration
    emulated.drop(migration)


@pytest.mark.parametrize("every", [EVERY, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_any_statement_or_commit(emulated: Emulated, settings: dict[str, str], every: int) -> None:
    settings |= {"on_unsupported": "emulate", "allow_data_loss": "true"}
    number = 1
    while True:
        migration = emulated.copy()
        came_so_far = cut_short.killed(migration.database, "promote", number)
        if came_so_far:
            emulated.check(migration, f"killed before statement {number}")
        emulated.drop(migration)
        if not came_so_far:
            break
        number += every
    assert number > 160


# What promote waits for in the middle of a statement, and a text by which that statement is known.
PHASES = {
    "refreshing ours": ("LOCK TABLE reading", "tsmigrate.done"),
    "building": ("LOCK TABLE _timescaledb_catalog.continuous_agg IN SHARE MODE", "CREATE MATERIALIZED VIEW"),
    "filling": ("LOCK TABLE reading", ".refresh_continuous_aggregate("),
    "comparing": ('LOCK TABLE tsmigrate."By % hour"', "EXCEPT ALL"),
    "swapping": ("LOCK TABLE tsmigrate.undo", "RENAME TO"),
    "handing over": ("LOCK TABLE _timescaledb_catalog.bgw_job IN SHARE MODE", "add_retention_policy"),
}
WAYS = ("the command is killed", "its session is ended", "the server crashes")
ALL = [(phase, way) for phase in PHASES for way in WAYS]
SOME = [(phase, WAYS[(place + 1) % len(WAYS)]) for place, phase in enumerate(PHASES)]


@pytest.mark.parametrize(
    ("phase", "way"), [pytest.param(*each, marks=[] if each in SOME else pytest.mark.slow) for each in ALL]
)
def test_cut_off_in_the_middle(emulated: Emulated, copy: Migration, tmp_path: Path, phase: str, way: str) -> None:
    lock, statement = PHASES[phase]
    promoting = cut_short.waiting(copy.database, "promote", statement, tmp_path / "said")
    with connect.connection(copy.database) as holding:
        holding.execute(raw(lock))
        promoting.go()
        pid = until(lambda: copy.value(BLOCKED))
        if way == "the command is killed":
            promoting.process.kill()
            assert promoting.ended() == -signal.SIGKILL
        elif way == "its session is ended":
            copy.execute(f"SELECT pg_terminate_backend({pid})")
            holding.rollback()
            assert promoting.ended() == 3
        else:
            os.kill(pid, signal.SIGKILL)
            assert promoting.ended() == 3
            holding.invalidate()
    if way != "the command is killed":
        assert "Traceback" not in promoting.said
        assert "run promote again" in promoting.said
    until(lambda: answers(copy))
    emulated.check(copy, f"{way} while {phase}")


def test_two_at_once_and_what_stands_in_the_way(emulated: Emulated, copy: Migration, tsmigrate: Run) -> None:
    with connect.connection(copy.database) as other:
        first = promote(other, lambda _: None, dry_run=True)
        assert next(first).refused == ""
        second = tsmigrate("policies", "promote", "--url", copy.database.full)
        first.close()
    assert (second.returncode, "promote is at it already" in second.stderr) == (3, True)
    # An aggregate that cannot be promoted keeps back the one that reads it.
    for taken, told in (
        ('TABLE "By % hour_promoted"', '"daily" it reads "public"."By % hour", which is emulated still'),
        ("MATERIALIZED VIEW of_daily", "of_daily reads the aggregate and is no view"),
    ):
        copy.execute(f"CREATE {taken} AS SELECT * FROM daily")
        refused = tsmigrate("policies", "promote", "--dry-run", "--url", copy.database.full)
        assert (refused.returncode, told in " ".join(refused.stdout.split())) == (3, True), refused.stdout
        copy.execute(f"DROP {taken}")
    emulated.check(copy, "after refusals")


BLOCKED = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tsmigrate' "
    "AND wait_event_type = 'Lock' LIMIT 1"
)


def answers(migration: Migration) -> bool:
    """Whether the server is up again."""
    try:
        return migration.value("SELECT 1") == 1
    except (BlockedError, DBAPIError):
        return False
