"""What is due is run once, whoever else runs, whatever fails, and wherever a runner is cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from sqlalchemy import text

from policies_support import COUNTED, HELD, PHASES, STATE, gone, make_due, waiting_backend
from support import Run
from tsmigrate import connect
from tsmigrate.policies import runner, state
from tsmigrate.policies.runner import Outcome
from tsmigrate.policies.state import Kind

revision, down_revision = "runner", None

pytestmark = pytest.mark.edition("apache")


@pytest.fixture
def command(kept: Any, tsmigrate: Run) -> Any:
    def run(*arguments: object) -> tuple[int, list[Any]]:
        done = tsmigrate("policies", *arguments, "--url", kept.database.full)
        assert "Traceback" not in done.stderr
        if done.returncode > 1:
            return done.returncode, [done.stderr]
        whole = done.stdout.startswith("{\n")
        return done.returncode, [json.loads(line) for line in ([done.stdout] if whole else done.stdout.splitlines())]

    return run


def test_what_is_due_is_run_once_and_told_in_a_line_each(kept: Any, command: Any) -> None:
    code, (listed,) = command("due", "--format", "json")
    assert (code, [row["kind"] for row in listed["summary"]["policies"]]) == (0, ["refresh", "retention"])
    code, (refresh, retention) = command("run")
    assert code == 0
    assert (refresh["name"], refresh["kind"], refresh["outcome"]) == ("public.daily", "refresh", "done")
    assert (retention["name"], retention["kind"], retention["outcome"]) == ("public.reading", "retention", "done")
    assert refresh["details"]["rows_written"] > 50
    assert 10 <= retention["details"]["chunks_dropped"] <= 11
    assert kept.value(HELD) == kept.value(COUNTED)
    assert command("run") == (0, [])
    assert kept.value("SELECT count(*) FROM tsmigrate.policy_run WHERE outcome = 'done'") == 2
    assert kept.value(
        "SELECT bool_and(next_run = last_success + schedule_interval) FROM tsmigrate.policy WHERE kind <> 'aggregate'"
    )
    code, (listed,) = command("list", "--format", "json")
    assert (code, len(listed["findings"]), listed["command"]) == (0, 3, "policies list")


def test_late_rows_show_after_the_next_run_and_older_ones_after_a_refresh_that_names_them(
    kept: Any, command: Any
) -> None:
    command("run")
    late = "SELECT sum(rows) FROM daily WHERE device = 99"
    kept.execute("INSERT INTO reading VALUES (now() - interval '5 days', 99, 1), (now() - interval '45 days', 99, 1)")
    assert kept.value(late) is None
    assert command("run", "daily")[1][0]["outcome"] == "done"
    assert kept.value(late) == 1
    long_ago = str(kept.value("SELECT now() - interval '50 days'"))
    code, (done,) = command("refresh", "daily", "--from", long_ago)
    assert (code, done["command"]) == (0, "policies refresh")
    assert kept.value(late) == 2
    assert command("refresh", "reading")[0] == 2
    assert command("refresh", "daily", "--from", "yesterday's")[0] == 3


def test_buckets_whose_rows_were_dropped_stay_however_far_back_a_refresh_looks(kept: Any, command: Any) -> None:
    command("refresh", "daily")
    everything = "SELECT string_agg(d::text, E'\n' ORDER BY d::text) FROM daily d WHERE day < now() - interval '1 day'"
    before = kept.value(everything)
    command("run", "reading")
    command("refresh", "daily")
    assert kept.value(everything) == before
    kept.execute("DELETE FROM reading", "SELECT drop_chunks('reading', timestamptz '2200-01-01')")
    command("refresh", "daily")
    assert kept.value("SELECT count(DISTINCT day) FROM daily") >= 30


def test_a_failure_is_told_and_tried_again_later(kept: Any, command: Any) -> None:
    kept.execute("ALTER TABLE tsmigrate.daily ADD CONSTRAINT never CHECK (rows < 0)")
    code, lines = command("run")
    assert code == 1
    assert [line["outcome"] for line in lines] == ["failed", "done"]
    assert "never" in lines[0]["error"]
    assert command("run") == (0, [])  # not before its pause is over
    pause = "SELECT round(extract(epoch FROM next_run - last_run)) FROM tsmigrate.policy WHERE kind = 'refresh'"
    assert kept.value(pause) == 30
    make_due(kept)
    assert command("run")[0] == 1
    assert kept.value(pause) == 60
    code, (listed,) = command("list", "--format", "json")
    assert code == 1
    assert "failed 2 times in a row" in listed["findings"][1]["why"]
    kept.execute("ALTER TABLE tsmigrate.daily DROP CONSTRAINT never")
    make_due(kept)
    assert command("run")[0] == 0
    assert kept.value("SELECT failures FROM tsmigrate.policy WHERE kind = 'refresh'") == 0


def test_a_run_ends_at_its_timeout(kept: Any, command: Any) -> None:
    kept.execute("UPDATE tsmigrate.policy SET timeout = '200 ms' WHERE kind = 'refresh'")
    with connect.connection(kept.database) as connection:
        connection.execute(text("LOCK TABLE tsmigrate.daily"))
        code, lines = command("run", "daily")
    assert (code, lines[0]["outcome"]) == (1, "timed out")


def test_what_is_paused_rests(kept: Any, command: Any, tsmigrate: Run) -> None:
    tsmigrate("policies", "pause", "daily", "--url", kept.database.full)
    assert [line["kind"] for line in command("run")[1]] == ["retention"]
    tsmigrate("policies", "resume", "public.daily", "--url", kept.database.full)
    assert [line["kind"] for line in command("run")[1]] == ["refresh"]


def test_history_is_bounded(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RUNS_KEPT", 3)
    for _ in range(5):
        make_due(kept)
        with connect.connection(kept.database) as connection:
            assert all(result.outcome is Outcome.DONE for result in runner.run_due(connection))
    assert kept.value("SELECT array_agg(n) FROM (SELECT count(*) n FROM tsmigrate.policy_run GROUP BY kind) c") == [
        3,
        3,
    ]


def test_a_big_backlog_goes_in_several_transactions(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsmigrate.policies.retention.CHUNKS_AT_ONCE", 4)
    with connect.connection(kept.database) as connection:
        (retention,) = runner.named(connection, "reading", Kind.RETENTION)
        result = runner.run(connection, retention)
    assert 10 <= result.details["chunks_dropped"] <= 11
    assert kept.value("SELECT count(*) FROM reading WHERE at < now() - interval '61 days'") == 0


@pytest.mark.parametrize("rounds", [30, pytest.param(1_000, marks=pytest.mark.slow)])
def test_two_runners_at_once_do_nothing_twice(kept: Any, rounds: int) -> None:
    kept.execute(
        "DELETE FROM tsmigrate.policy WHERE kind = 'retention'",
        "SELECT drop_chunks('reading', now() - interval '60 days')",
    )
    together = threading.Barrier(2)
    outcomes: list[Outcome] = []

    def work(number: int) -> None:
        with connect.connection(kept.database) as connection:
            (refresh,) = runner.named(connection, "daily", Kind.REFRESH)
            connection.rollback()
            for _ in range(rounds):
                if number == 0:
                    connection.execute(text("UPDATE tsmigrate.policy SET next_run = now() WHERE kind = 'refresh'"))
                    connection.commit()
                together.wait(60)
                outcomes.append(runner.run(connection, refresh).outcome)
                together.wait(60)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2 * rounds
    assert outcomes.count(Outcome.DONE) == rounds
    assert set(outcomes) <= {Outcome.DONE, Outcome.BUSY, Outcome.NOT_DUE}
    assert kept.value(HELD) == kept.value(COUNTED)


@pytest.mark.parametrize("phase", PHASES)
def test_a_runner_that_is_killed_leaves_everything_as_it_was(kept: Any, command: Any, phase: str) -> None:
    command("run", "daily")
    kept.execute("UPDATE reading SET device = device + 10")
    make_due(kept)
    before = kept.value(HELD), kept.value(STATE)
    with connect.connection(kept.database) as holding:
        holding.execute(text(PHASES[phase]))
        with Started(kept, "run", "daily") as process:
            pid = waiting_backend(kept)
            process.send_signal(signal.SIGKILL)
        holding.rollback()
    gone(kept, pid)
    assert (kept.value(HELD), kept.value(STATE)) == before
    code, lines = command("run")
    assert (code, lines[0]["outcome"]) == (0, "done")
    assert kept.value(HELD) == kept.value(COUNTED)


def test_sigterm_ends_a_loop_cleanly_even_in_the_middle_of_a_run(kept: Any, command: Any) -> None:
    with connect.connection(kept.database) as holding:
        holding.execute(text("LOCK TABLE tsmigrate.daily"))
        with Started(kept, "run", "--loop") as process:
            waiting_backend(kept)
            process.send_signal(signal.SIGTERM)
            told, complaint = process.communicate(timeout=20)
        assert (process.returncode, complaint) == (0, "")
        assert json.loads(told)["outcome"] == "stopped"
    assert [line["outcome"] for line in command("run")[1]] == ["done", "done"]  # both are due as before
    with Started(kept, "run", "--loop") as process:
        waiting_backend(kept, "state = 'idle'")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_a_loop_runs_what_comes_due(kept: Any) -> None:
    kept.execute("UPDATE tsmigrate.policy SET schedule_interval = '1 second' WHERE kind = 'refresh'")
    with Started(kept, "run", "--loop") as process:
        assert process.stdout is not None
        kinds = [json.loads(process.stdout.readline())["kind"] for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert kinds == ["refresh", "retention", "refresh", "refresh"]


class Started:
    """A runner as a process of its own."""

    def __init__(self, migration: Any, *arguments: str) -> None:
        program = Path(sysconfig.get_path("scripts")) / "tsmigrate"
        self.process = subprocess.Popen(
            [program, "policies", *arguments, "--url", migration.database.full],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_year_of_days_keeps_a_month_of_rows(emulating: Any) -> None:
    """The present is a number in a table here, and a day passes when it is raised."""
    emulating.execute(
        "CREATE TABLE clock (today int)",
        "INSERT INTO clock VALUES (0)",
        "CREATE FUNCTION today() RETURNS int LANGUAGE sql STABLE AS 'SELECT today FROM public.clock'",
        "CREATE TABLE sale (day int NOT NULL, amount int)",
        "SELECT create_hypertable('sale', by_range('day', 7))",
        "SELECT set_integer_now_func('sale', 'today')",
    )
    emulating.run(lambda: op.add_retention_policy("sale", 30))
    with connect.connection(emulating.database) as connection:
        (retention,) = runner.named(connection, "sale")
        for day in range(366):
            connection.execute(text("UPDATE clock SET today = :day"), {"day": day})
            connection.execute(text("INSERT INTO sale SELECT :day, generate_series(1, 3)"), {"day": day})
            connection.commit()
            assert runner.run(connection, retention, due_only=False).outcome is Outcome.DONE
            left = connection.execute(text("SELECT day, count(*) FROM sale GROUP BY 1 ORDER BY 1")).all()
            # A chunk goes when the last of its seven days is 30 days old, and not a day earlier; no other row goes.
            assert left == [(each, 3) for each in range(max(0, (day - 30) // 7 * 7), day + 1)]
        (retention,) = [each for each in state.policies(connection) if each.kind is Kind.RETENTION]
    assert retention.config["dropped"] == 47
