"""Who may create functions and operators in the search_path gets hold of no command and of no aggregate."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op

from policies import hostile
from support import Run

revision, down_revision = "hostile", None

pytestmark = pytest.mark.edition("apache")
DAILY = "SELECT time_bucket('1 day', at) AS day, device, count(*) AS rows, sum(v) AS v FROM reading GROUP BY 1, 2"


def kept() -> None:
    op.create_continuous_aggregate("daily", DAILY)
    op.add_refresh_policy("daily", "300 days", "1 hour", "15 minutes")
    op.add_retention_policy("reading", "1 year", "1 day")
    op.set_columnstore("reading", segmentby=["device"])


def test_traps_in_the_search_path_are_not_run_into(emulating: Any, tsmigrate: Run) -> None:
    emulating.execute("INSERT INTO reading VALUES ('2020-01-01', 1, 1)")
    emulating.run(kept)
    role = f"hostile_{emulating.database.url.database}"
    hostile.lay(emulating, role)
    try:
        # They do work where nothing is pinned.
        assert emulating.value("SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace") > 500
        emulating.value("SELECT format('%s'::text, 1)")
        assert hostile.sprung(emulating)
        emulating.execute("ALTER SEQUENCE sprung RESTART")
        for command in (
            ("policies", "list"),
            ("policies", "run"),
            ("policies", "run", "daily"),
            ("policies", "refresh", "daily", "--from", "2026-03-01", "--to", "2026-03-09"),
            ("policies", "pause", "reading"),
            ("status",),
        ):
            done = tsmigrate(*command, "--url", emulating.database.full)
            assert done.returncode in {0, 1}, (command, done.stdout, done.stderr)
            assert "read-only transaction" not in done.stdout, command
            assert not hostile.sprung(emulating), command
        assert emulating.value("SELECT sum(rows) FROM daily") == 240
        assert not hostile.sprung(emulating)
        # A failure is told, tried again and trapped by nothing either.
        emulating.execute("ALTER TABLE tsmigrate.daily ADD CONSTRAINT never CHECK (rows < 0) NOT VALID")
        assert tsmigrate("policies", "run", "daily", "--url", emulating.database.full).returncode == 1
        assert not hostile.sprung(emulating)
    finally:
        hostile.clear(emulating, role)
