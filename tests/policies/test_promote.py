"""What was emulated and deferred is the server's own once it can, with the same rows, and downgrades still work."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from alembic import op

from convert_support import until
from ops_support import alone
from policies import hostile, moving_up
from policies.moving_up import READ, Server, downgrade, shown, up
from support import Run
from tsmigrate import connect
from tsmigrate.catalog.snapshot import difference
from tsmigrate.policies import state
from tsmigrate.sql import raw

revision, down_revision = "promoted", None


@pytest.fixture
def moving(settings: dict[str, str]) -> Iterator[Server]:
    settings["on_unsupported"] = "emulate"
    with moving_up.server("moves-up") as server:
        yield server


def test_it_moves_up_with_the_same_rows_and_down_again(
    moving: Server, tsmigrate: Run, settings: dict[str, str]
) -> None:
    migration = moving.migration
    moving_up.load(migration)
    before = migration.snapshot()
    migration.run(up)
    moving_up.use(migration)
    assert migration.value("SELECT min(at) > now() - interval '62 days' FROM reading")
    rows, options = [shown(migration, name) for name in READ], migration.value(OPTIONS)
    assert "security_invoker" in options
    assert migration.value('SELECT sum(rows) FROM "By % hour"') == 1701  # of which many are only there
    refused = tsmigrate("policies", "promote", "--url", migration.database.full)
    assert (refused.returncode, "Community" in refused.stderr) == (3, True)
    tsmigrate("policies", "pause", "By % hour", "--kind", "retention", "--url", migration.database.full)

    moving.move_up()
    emulated = migration.snapshot()
    tried = tsmigrate("policies", "promote", "--dry-run", "--format", "json", "--url", migration.database.full)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert json.loads(tried.stdout)["summary"]["promoted"] == 11
    assert difference(emulated, migration.snapshot()) == ""

    hostile.lay(migration, "hostile")
    done = tsmigrate("policies", "promote", "--url", migration.database.full)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 of 11 are TimescaleDB's own now" in done.stdout
    assert not hostile.sprung(migration)
    hostile.clear(migration, "hostile")
    assert [shown(migration, name) for name in READ] == rows
    with connect.connection(migration.database) as connection:
        assert state.policies(connection) == []
    assert migration.value("SELECT count(*) FROM timescaledb_information.continuous_aggregates") == 2
    assert migration.value(
        "SELECT indexdef LIKE '%_hyper_%(device, hour DESC)' FROM pg_indexes WHERE indexname = 'by_device'"
    )
    jobs = (
        "SELECT string_agg(proc_name, ' ' ORDER BY proc_name) FROM timescaledb_information.jobs "
        "WHERE job_id >= 1000 AND scheduled = {}"
    )
    assert migration.value(jobs.format("true")) == (
        "policy_compression policy_compression policy_refresh_continuous_aggregate "
        "policy_refresh_continuous_aggregate policy_reorder policy_retention"
    )
    assert migration.value(jobs.format("false")) == "policy_retention"  # what was paused is
    assert migration.value("SELECT obj_description('\"By % hour\"'::regclass)") == "Read by the application"
    assert migration.value("SELECT has_table_privilege('public', '\"By % hour\"', 'SELECT')")
    assert migration.value(OPTIONS) == options

    # What would be lost on the way back is still known, as natively: rows that are only in the aggregate, and chunks
    # that tsmigrate's own runner dropped.
    migration.execute("DROP VIEW report, guarded")
    for step, told in (
        (lambda: op.drop_continuous_aggregate("By % hour"), "no rows below them any more"),
        (lambda: op.remove_retention_policy("reading"), r"1\d of the 7\d chunks that there were at the upgrade"),
    ):
        with pytest.raises(Exception, match=told):
            migration.run(step)

    # The policies do their work: by hand here, where no background worker runs.
    migration.execute("INSERT INTO reading VALUES (now() - interval '61 days 2 hours', 9, 9), (now(), 9, 9)")
    for job in migration.value("SELECT array_agg(job_id ORDER BY job_id) FROM timescaledb_information.jobs"):
        if job >= 1000:
            alone(migration, f"CALL run_job({job})")
    assert migration.value("SELECT min(at) > now() - interval '62 days' FROM reading")
    assert migration.value("SELECT count(*) > 0 FROM timescaledb_information.chunks WHERE is_compressed")

    settings["allow_data_loss"] = "true"
    migration.run(downgrade)
    migration.execute("DROP SCHEMA tsmigrate_archive CASCADE", "DELETE FROM reading WHERE device = 9")
    assert difference(before, migration.snapshot()) == ""
    assert migration.value("SELECT to_regnamespace('tsmigrate')") is None


def test_the_server_s_own_scheduler_runs_what_was_promoted(moving: Server, tsmigrate: Run) -> None:
    migration = moving.migration
    moving_up.load(migration)
    migration.run(lambda: op.add_retention_policy("reading", "60 days"))
    moving.move_up(jobs=True)
    assert tsmigrate("policies", "promote", "--url", migration.database.full).returncode == 0
    with connect.connection(migration.database) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        job, ended = until(lambda: connection.execute(raw(ENDED)).first())
    if ended == "Failed":  # TimescaleDB 2.28.3 runs no job on PostgreSQL 15.20
        told = " ".join(tsmigrate("status", "--url", migration.database.full).stdout.split())
        assert "cannot drop portal" in told
        assert f"CALL run_job({job})" in told
        alone(migration, f"CALL run_job({job})")
    assert migration.value("SELECT min(at) > now() - interval '62 days' FROM reading")


OPTIONS = (
    "SELECT string_agg(reloptions::text, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('report', 'guarded')"
)
ENDED = """
SELECT s.job_id, s.last_run_status FROM timescaledb_information.job_stats s
JOIN timescaledb_information.jobs USING (job_id) WHERE proc_name = 'policy_retention' AND last_run_status IS NOT NULL
"""
