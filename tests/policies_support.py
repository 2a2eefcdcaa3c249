"""What a runner's tests look at, whatever runs the policies."""

from __future__ import annotations

import time
from typing import Any

DAILY = "SELECT time_bucket('1 day', at) AS day, device, count(*) AS rows FROM reading GROUP BY 1, 2"
COUNTED = """
SELECT string_agg(format('%s|%s|%s', day, device, rows), E'\n' ORDER BY day, device)
FROM (SELECT time_bucket('1 day', at) AS day, device, count(*) AS rows FROM reading
      WHERE at < time_bucket('1 day', now() - interval '1 hour') GROUP BY 1, 2) AS counted
"""
HELD = "SELECT string_agg(format('%s|%s|%s', day, device, rows), E'\n' ORDER BY day, device) FROM tsmigrate.daily"
# Runs and their times apart, what a policy is.
STATE = "SELECT string_agg(p::text, E'\n' ORDER BY kind) FROM tsmigrate.policy p"

# What is locked to hold a run up where it begins, clears the window, fills it, and writes down that it is done.
PHASES = {
    "look": "SELECT FROM tsmigrate.policy WHERE kind = 'refresh' FOR UPDATE",
    "clear": "LOCK TABLE tsmigrate.daily",
    "fill": "LOCK TABLE reading",
    "note": "LOCK TABLE tsmigrate.policy_run",
}


def make_due(migration: Any) -> None:
    migration.execute("UPDATE tsmigrate.policy SET next_run = now() WHERE next_run IS NOT NULL")


def waiting_backend(migration: Any, how: str = "wait_event_type = 'Lock'") -> int:
    """The session of the runner, once it waits for a lock, or however else."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tsmigrate%' "
        f"AND {how} LIMIT 1"
    )
    for _ in range(300):
        if (pid := migration.value(query)) is not None:
            return int(pid)
        time.sleep(0.05)
    raise AssertionError("the runner never came to that")


def gone(migration: Any, pid: int) -> None:
    for _ in range(400):
        if migration.value(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == 0:
            return
        time.sleep(0.05)
    raise AssertionError("its session is still there")
