"""The procedures that a scheduler of the server calls keep what a runner outside promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from policies_support import COUNTED, HELD, PHASES, STATE, gone, make_due, waiting_backend
from tsmigrate import connect
from tsmigrate.policies import in_server, runner, state
from tsmigrate.policies.runner import Outcome
from tsmigrate.policies.state import Kind

pytestmark = pytest.mark.edition("apache")
RUNS = "SELECT array_agg(outcome ORDER BY started) FROM tsmigrate.policy_run"


def call(migration: Any, procedure: str) -> None:
    """As a scheduler does: outside of a transaction."""
    with connect.connection(migration.database, isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(procedure)


@pytest.fixture
def installed(kept: Any) -> Any:
    kept.execute(in_server.install())
    return kept


@pytest.fixture
def beside(installed: Any) -> Iterator[Callable[[], threading.Thread]]:
    """`run_due`, under way while the test goes on; how it ended does not matter."""
    started: list[threading.Thread] = []

    def run() -> None:
        try:
            call(installed, in_server.RUN_DUE)
        except DBAPIError:
            return

    def start() -> threading.Thread:
        started.append(threading.Thread(target=run))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.join(60)


def test_what_is_due_is_run_once_as_a_runner_outside_would(installed: Any) -> None:
    call(installed, in_server.RUN_DUE)
    assert installed.value(HELD) == installed.value(COUNTED)
    with connect.connection(installed.database) as connection:
        refresh, retention = sorted(state.runs(connection), key=lambda run: run.started)
        assert [(run.kind, run.outcome) for run in (refresh, retention)] == [
            (Kind.REFRESH, "done"),
            (Kind.RETENTION, "done"),
        ]
        assert refresh.details["rows_written"] > 50
        assert 10 <= retention.details["chunks_dropped"] <= 11
        assert not any(policy.due for policy in state.policies(connection))
    assert installed.value(
        "SELECT bool_and(next_run = last_success + schedule_interval) FROM tsmigrate.policy WHERE kind <> 'aggregate'"
    )
    call(installed, in_server.RUN_DUE)
    assert installed.value("SELECT count(*) FROM tsmigrate.policy_run") == 2


def test_a_big_backlog_goes_in_several_transactions_that_are_told_as_one(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsmigrate.policies.retention.CHUNKS_AT_ONCE", 4)
    kept.execute(in_server.install())
    call(kept, in_server.RUN_DUE)
    with connect.connection(kept.database) as connection:
        [retention] = [run for run in state.runs(connection) if run.kind is Kind.RETENTION]
    assert 10 <= retention.details["chunks_dropped"] <= 11
    assert kept.value("SELECT count(*) FROM reading WHERE at < now() - interval '61 days'") == 0


def test_a_failure_is_written_down_and_holds_nobody_up(installed: Any) -> None:
    installed.execute("ALTER TABLE tsmigrate.daily ADD CONSTRAINT never CHECK (rows < 0)")
    pause = "SELECT round(extract(epoch FROM next_run - last_run)) FROM tsmigrate.policy WHERE kind = 'refresh'"
    for expected in (30, 60):
        make_due(installed)
        call(installed, in_server.RUN_DUE)
        assert installed.value(pause) == expected
    assert installed.value(RUNS) == ["failed", "done", "failed", "done"]
    assert "never" in installed.value("SELECT last_error FROM tsmigrate.policy WHERE kind = 'refresh'")
    installed.execute("ALTER TABLE tsmigrate.daily DROP CONSTRAINT never")
    make_due(installed)
    call(installed, in_server.RUN_DUE)
    assert installed.value("SELECT failures FROM tsmigrate.policy WHERE kind = 'refresh'") == 0
    assert installed.value(HELD) == installed.value(COUNTED)


def test_what_takes_longer_than_its_timeout_is_ended_and_the_next_goes_on(installed: Any, beside: Any) -> None:
    installed.execute("UPDATE tsmigrate.policy SET timeout = '1 second' WHERE kind = 'refresh'")
    with connect.connection(installed.database) as holding:
        holding.execute(text("LOCK TABLE tsmigrate.daily"))
        running = beside()
        waiting_backend(installed)
        call(installed, in_server.END_OVERDUE)
        assert installed.value("SELECT count(*) FROM tsmigrate.policy_run") == 0  # not before its time is over
        time.sleep(1.1)
        call(installed, in_server.END_OVERDUE)
        running.join(20)
    assert installed.value(RUNS) == ["timed out", "done"]


def test_what_somebody_cancels_is_due_as_before(installed: Any, beside: Any) -> None:
    before = installed.value(STATE)
    with connect.connection(installed.database) as holding:
        holding.execute(text("LOCK TABLE tsmigrate.daily"))
        running = beside()
        pid = waiting_backend(installed)
        installed.value(f"SELECT pg_cancel_backend({pid})")
        running.join(20)
    assert installed.value(STATE) == before
    assert installed.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


@pytest.mark.parametrize("phase", PHASES)
def test_a_session_that_is_ended_leaves_everything_as_it_was(installed: Any, beside: Any, phase: str) -> None:
    call(installed, in_server.RUN_DUE)
    installed.execute("UPDATE reading SET device = device + 10")
    make_due(installed)
    before = installed.value(HELD), installed.value(STATE)
    with connect.connection(installed.database) as holding:
        holding.execute(text(PHASES[phase]))
        running = beside()
        pid = waiting_backend(installed)
        installed.value(f"SELECT pg_terminate_backend({pid})")
        running.join(20)
        holding.rollback()
    gone(installed, pid)
    assert (installed.value(HELD), installed.value(STATE)) == before
    call(installed, in_server.RUN_DUE)
    assert installed.value(HELD) == installed.value(COUNTED)


def test_it_gives_way_to_a_runner_outside_and_the_other_way_round(installed: Any, beside: Any) -> None:
    with connect.connection(installed.database) as outside:
        (refresh,) = runner.named(outside, "daily", Kind.REFRESH)
        outside.rollback()
        with runner.alone(outside, refresh) as got:
            assert got
            call(installed, in_server.RUN_DUE)
        assert installed.value("SELECT array_agg(kind) FROM tsmigrate.policy_run") == ["retention"]
        with connect.connection(installed.database) as holding:
            holding.execute(text("LOCK TABLE tsmigrate.daily"))
            running = beside()
            waiting_backend(installed)
            assert runner.run(outside, refresh).outcome is Outcome.BUSY
            holding.rollback()
            running.join(20)
        assert runner.run(outside, refresh).outcome is Outcome.NOT_DUE
    assert installed.value("SELECT count(*) FROM tsmigrate.policy_run WHERE kind = 'refresh'") == 1


def test_history_is_bounded(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_server, "RUNS_KEPT", 2)
    kept.execute(in_server.install())
    for _ in range(4):
        make_due(kept)
        call(kept, in_server.RUN_DUE)
    assert kept.value("SELECT array_agg(n) FROM (SELECT count(*) n FROM tsmigrate.policy_run GROUP BY kind) c") == [
        2,
        2,
    ]


def test_what_is_paused_rests_and_without_policies_nothing_happens(installed: Any) -> None:
    installed.execute("UPDATE tsmigrate.policy SET paused = true WHERE kind = 'refresh'")
    call(installed, in_server.RUN_DUE)
    assert installed.value("SELECT array_agg(kind) FROM tsmigrate.policy_run") == ["retention"]
    installed.execute("DROP TABLE tsmigrate.policy_run, tsmigrate.policy")
    call(installed, in_server.RUN_DUE)
    call(installed, in_server.END_OVERDUE)


def test_nobody_else_may_call_or_change_them_and_no_name_of_theirs_is_taken_for_ours(installed: Any) -> None:
    """A hostile function of the same name as one of PostgreSQL's would win, did the search_path decide."""
    installed.execute(
        "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'taken in'; END$$",
        "CREATE FUNCTION public.hashtextextended(text, int) RETURNS bigint LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'taken in'; END$$",
    )
    with connect.connection(installed.database, isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET search_path = public, pg_catalog")
        connection.exec_driver_sql(in_server.RUN_DUE)
        connection.exec_driver_sql("SET search_path = public, pg_catalog")
        connection.exec_driver_sql(in_server.END_OVERDUE)
    assert installed.value(RUNS) == ["done", "done"]
    assert not installed.value(
        "SELECT has_schema_privilege('pg_read_all_data', 'tsmigrate_cron', 'CREATE') "
        "OR EXISTS (SELECT FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'tsmigrate_cron' AND a.grantee = 0)"
    )


def test_installing_twice_changes_nothing_and_removing_leaves_nothing(kept: Any) -> None:
    before = kept.snapshot()
    kept.execute(in_server.install())
    there = kept.snapshot()
    kept.execute(in_server.install())
    assert kept.snapshot() == there
    with connect.connection(kept.database) as connection:
        assert in_server.is_up_to_date(connection)
        connection.execute(text("CREATE OR REPLACE PROCEDURE tsmigrate_cron.run_due() LANGUAGE sql AS 'SELECT 1'"))
        assert not in_server.is_up_to_date(connection)
    with ThreadPoolExecutor() as several:
        assert list(several.map(kept.execute, [in_server.install()] * 4)) == [None] * 4
    assert kept.snapshot() == there
    kept.execute(*in_server.REMOVE)
    kept.execute(*in_server.REMOVE)
    assert kept.snapshot() == before
