"""What was emulated and deferred is the server's own once it can, with the same rows, and downgrades still work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from alembic import op

from ops.conftest import Migration
from support import Run, Take, TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.policies import runner, state
from tsmigrate.promote import promote
from tsmigrate.sandbox import Sandbox, cluster, engines

revision, down_revision = "promoted", None

WITHOUT_JOBS = {"timescaledb.max_background_workers": "0"}
NAME = "moves-up"
HOURLY = """
SELECT time_bucket('6 hours', at) AS hour, device, avg(v) AS mean, count(*) AS rows
FROM reading WHERE device IS NOT NULL GROUP BY 1, 2
"""
DAILY = "SELECT time_bucket('1 day', hour) AS day, sum(rows) AS rows FROM \"By % hour\" GROUP BY 1"


def up() -> None:
    op.set_columnstore("reading", segmentby=["device"], orderby=["at DESC"])
    op.add_columnstore_policy("reading", "7 days")
    op.create_continuous_aggregate("By % hour", HOURLY)
    op.add_refresh_policy("By % hour", "30 days", "1 hour", "15 minutes")
    op.create_continuous_aggregate("daily", DAILY, materialized_only=True)
    op.add_refresh_policy("daily", "40 days", "1 day", "1 hour")
    op.add_retention_policy("reading", "60 days")
    op.add_retention_policy("By % hour", "1 year", "12 hours")
    op.add_reorder_policy("reading", "reading_at_idx")
    op.set_columnstore("By % hour", segmentby=["device"])
    op.add_columnstore_policy("By % hour", "60 days")


def downgrade() -> None:
    op.remove_columnstore_policy("By % hour")
    op.restore_columnstore("By % hour")
    op.remove_reorder_policy("reading")
    op.remove_retention_policy("By % hour")
    op.remove_retention_policy("reading")
    op.remove_refresh_policy("daily")
    op.drop_continuous_aggregate("daily")
    op.remove_refresh_policy("By % hour")
    op.drop_continuous_aggregate("By % hour")
    op.remove_columnstore_policy("reading")
    op.restore_columnstore("reading")


class Server:
    """A server of the Community edition, which begins as one of the Apache edition."""

    def __init__(self, take: Take) -> None:
        self.take = take
        self.sandbox: Sandbox = sandbox.up(
            NAME, edition=Edition.COMMUNITY, settings={**WITHOUT_JOBS, "timescaledb.license": "apache"}
        )
        self.migration = Migration(TestServer.at(self.sandbox.url).database("sandbox"), self.take)

    def move_up(self) -> None:
        cluster.stop(self.sandbox, at_once=False)
        self.sandbox = cluster.start(replace(self.sandbox, settings=WITHOUT_JOBS), tcp=False)


@pytest.fixture
def moving(settings: dict[str, str]) -> Iterator[Server]:
    found = [engine for engine in engines.found() if engine.edition is Edition.COMMUNITY]
    if not found:
        pytest.skip("no server of this edition: no engine of the Community edition is installed")
    settings["on_unsupported"] = "emulate"
    pg_dump = found[0].program("pg_dump")
    yield Server(lambda database: Snapshot.take(database, pg_dump))
    sandbox.down(NAME)


def shown(migration: Any, name: str) -> Any:
    return migration.value(f"SELECT string_agg(h::text, E'\\n' ORDER BY h::text) FROM {name} h")


def test_it_moves_up_with_the_same_rows_and_down_again(
    moving: Server, tsmigrate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = moving.migration
    migration.execute(
        "CREATE EXTENSION IF NOT EXISTS timescaledb",
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, v numeric)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT now() - n * interval '1 hour', n % 3, n / 7.0 FROM generate_series(0, 1700) n",
    )
    before = migration.snapshot()
    migration.run(up)
    migration.execute(
        'CREATE VIEW report AS SELECT device, sum(rows) AS rows FROM "By % hour" GROUP BY 1',
        'GRANT SELECT ON "By % hour" TO PUBLIC',
        """COMMENT ON VIEW "By % hour" IS 'Read by the application'""",
    )
    with connect.connection(migration.database) as connection:
        (hourly,) = [each for each in runner.named(connection, "By % hour") if each.kind == "aggregate"]
        connection.rollback()
        runner.refreshed(connection, hourly, None, None)
        assert [result.outcome for result in runner.run_due(connection)] == ["done"] * 4
    assert migration.value("SELECT min(at) > now() - interval '62 days' FROM reading")
    names = ('"By % hour"', "daily", "report")
    rows = [shown(migration, name) for name in names]
    assert migration.value('SELECT sum(rows) FROM "By % hour"') == 1701  # of which many are only there
    refused = tsmigrate("policies", "promote", "--url", migration.database.full)
    assert (refused.returncode, "Community" in refused.stderr) == (3, True)

    moving.move_up()
    emulated = migration.snapshot()
    tried = tsmigrate("policies", "promote", "--dry-run", "--format", "json", "--url", migration.database.full)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert json.loads(tried.stdout)["summary"]["promoted"] == 11
    assert difference(emulated, migration.snapshot()) == ""

    # Cut off after each of its steps, it goes on where it was.
    for step in ("_fill", "_differing", "_swapped"):
        with monkeypatch.context() as patch, connect.connection(migration.database) as connection:
            patch.setattr(f"tsmigrate.promote.aggregate.{step}", _cut_off)
            with pytest.raises(_CutOffError):
                list(promote(connection, print))
        assert [shown(migration, name) for name in names] == rows
    done = tsmigrate("policies", "promote", "--url", migration.database.full)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 of 11 are TimescaleDB's own now" in done.stdout
    assert [shown(migration, name) for name in names] == rows
    with connect.connection(migration.database) as connection:
        assert state.policies(connection) == []
    assert migration.value("SELECT count(*) FROM timescaledb_information.continuous_aggregates") == 2
    assert (
        migration.value(
            "SELECT string_agg(DISTINCT proc_name, ' ' ORDER BY proc_name) FROM timescaledb_information.jobs "
            "WHERE job_id >= 1000"
        )
        == "policy_compression policy_refresh_continuous_aggregate policy_reorder policy_retention"
    )
    assert migration.value("SELECT obj_description('\"By % hour\"'::regclass)") == "Read by the application"
    assert migration.value("SELECT has_table_privilege('public', '\"By % hour\"', 'SELECT')")

    # The rows that only the aggregate had would be lost with it: the downgrade says so, as natively.
    migration.execute("DROP VIEW report")
    with pytest.raises(Exception, match="no rows below them any more"):
        migration.run(lambda: op.drop_continuous_aggregate("By % hour"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsmigrate.ops.run._setting", {"allow_data_loss": "true", "on_unsupported": "emulate"}.get)
        migration.run(downgrade)
    migration.execute("DROP SCHEMA tsmigrate_archive CASCADE")
    assert difference(before, migration.snapshot()) == ""
    assert migration.value("SELECT to_regnamespace('tsmigrate')") is None


class _CutOffError(Exception):
    pass


def _cut_off(*_: object) -> None:
    raise _CutOffError
