"""A runner that is cut off anywhere, or whose server crashes, has done all of a policy's work or nothing of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from convert_support import until
from ops.conftest import Migration
from policies import cut_short
from policies.conftest import keep, load
from policies.moving_up import LASTING
from policies_support import COUNTED, HELD, make_due
from support import Take, TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.errors import BlockedError
from tsmigrate.policies import runner
from tsmigrate.sandbox import Sandbox, cluster
from tsmigrate.sql import raw

revision, down_revision = "runner", None

pytestmark = pytest.mark.edition("apache")
NEW = COUNTED.replace("WHERE", "WHERE at > now() - interval '60 days' AND")
OLD = "SELECT count(*) FROM reading WHERE at < now() - interval '61 days'"
RUNS = "SELECT count(*) FROM tsmigrate.policy_run WHERE outcome = 'done' AND kind = "
DUE = "SELECT string_agg(kind, ' ' ORDER BY kind) FROM tsmigrate.policy WHERE next_run <= now()"
EVERY = 4
"""Which statements and commits of some 30 are cut off at; the slow run takes them all."""


def change(migration: Any) -> None:
    """All is due, and there is something to do for each."""
    migration.execute(
        "UPDATE reading SET device = device + 10 WHERE at > now() - interval '60 days'",
        "INSERT INTO reading SELECT now() - interval '90 days' - n * interval '6 hours', 1, n "
        "FROM generate_series(0, 9) n",
        "TRUNCATE tsmigrate.policy_run",
    )
    make_due(migration)


def check(migration: Any, before: str, where: object) -> None:
    """What is noted as done is done, what is not is due and as it was, and the next run does it."""
    due = str(migration.value(DUE) or "").split()
    assert (migration.value(HELD) == before) == ("refresh" in due), where
    assert migration.value(HELD) in {before, migration.value(NEW)}, where
    assert (migration.value(OLD) > 0) == ("retention" in due), where
    for kind in ("refresh", "retention"):
        assert migration.value(f"{RUNS} '{kind}'") == (kind not in due), where
    (results,) = until(lambda: all_run(migration))
    assert {result.policy.kind for result in results} == set(due), where
    assert (migration.value(HELD), migration.value(OLD)) == (migration.value(NEW), 0), where
    assert migration.value(DUE) is None, where


def all_run(migration: Any) -> tuple[list[runner.Result]] | None:
    """None: a session of the dead runner is still at it."""
    with connect.connection(migration.database) as connection:
        results = list(runner.run_due(connection))
    return None if any(result.outcome == "busy" for result in results) else (results,)


@pytest.mark.parametrize("every", [EVERY, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_any_statement_or_commit(kept: Any, every: int) -> None:
    number = 1
    while True:
        change(kept)
        before = kept.value(HELD)
        if not cut_short.killed(kept.database, "run", number):
            break
        check(kept, before, f"killed before statement {number}")
        number += every
    assert number > 25


# What holds a run up, and a text by which the statement that waits for it is known.
PHASES = {
    "refreshing": ("LOCK TABLE reading", "tsmigrate.done"),
    "dropping": ("LOCK TABLE reading IN SHARE MODE", "older_than"),
    "noting": ("LOCK TABLE tsmigrate.policy_run", "INSERT INTO tsmigrate.policy_run"),
}


@pytest.fixture
def crashing(take: Take, settings: dict[str, str]) -> Iterator[tuple[Any, Sandbox]]:
    """On a server of its own."""
    settings["on_unsupported"] = "emulate"
    made = sandbox.up("crashing", edition=Edition.APACHE, settings=LASTING)
    migration = Migration(TestServer.at(made.url).database("sandbox"), take)
    migration.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    load(migration)
    keep(migration)
    yield migration, made
    sandbox.down("crashing")


def test_a_server_that_crashes_or_is_stopped_at_once(crashing: tuple[Any, Sandbox], tmp_path: Path) -> None:
    migration, made = crashing
    for phase, (lock, statement) in PHASES.items():
        for way in ("a session is killed", "the server is stopped at once"):
            change(migration)
            before = migration.value(HELD)
            runner_of_it = cut_short.waiting(migration.database, "run", statement, tmp_path / "said")
            holding = connect.engine(migration.database).connect()
            holding.execute(raw(lock))
            runner_of_it.go()
            pid = until(lambda: migration.value(BLOCKED))
            if way == "a session is killed":
                os.kill(pid, signal.SIGKILL)
            else:
                cluster.stop(made, at_once=True)
                cluster.start(replace(made), tcp=False)
            assert runner_of_it.ended() in {1, 3}, runner_of_it.said  # it is told, in a line of JSON or as an error
            assert "bug" not in runner_of_it.said
            holding.invalidate()
            holding.close()
            until(lambda: answers(migration))
            check(migration, before, f"{way} while {phase}")


BLOCKED = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tsmigrate' "
    "AND wait_event_type = 'Lock' LIMIT 1"
)


def answers(migration: Any) -> bool:
    """Whether the server is up again."""
    try:
        return bool(migration.value("SELECT 1") == 1)
    except (BlockedError, DBAPIError):
        return False
