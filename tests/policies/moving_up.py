"""A server that begins as one of the Apache edition and becomes one of the Community edition, and what is on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from alembic import op

from ops.conftest import Migration
from support import Take, TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.policies import runner
from tsmigrate.sandbox import Sandbox, cluster, engines

revision, down_revision = "promoted", None

# A sandbox may forget in a crash what was committed last, and what the tests themselves commit is not to be forgotten.
LASTING = {"synchronous_commit": "on"}
WITHOUT_JOBS = {"timescaledb.max_background_workers": "0", **LASTING}
HOURLY = """
SELECT time_bucket('6 hours', at) AS hour, device, avg(v) AS mean, count(*) AS rows
FROM reading WHERE device IS NOT NULL GROUP BY 1, 2
"""
DAILY = "SELECT time_bucket('1 day', hour) AS day, sum(rows) AS rows FROM \"By % hour\" GROUP BY 1"
READ = ('"By % hour"', "daily", "report")
"""What applications read."""


def up() -> None:
    op.set_columnstore("reading", segmentby=["device"], orderby=["at DESC"])
    op.add_columnstore_policy("reading", "7 days")
    op.create_continuous_aggregate("By % hour", HOURLY)
    op.create_aggregate_index("by_device", "By % hour", ["device", "hour DESC"])
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
    op.drop_aggregate_index("by_device", "By % hour")
    op.drop_continuous_aggregate("By % hour")
    op.remove_columnstore_policy("reading")
    op.restore_columnstore("reading")


class Server:
    """A server of the Community edition, which begins as one of the Apache edition."""

    def __init__(self, name: str, take: Take) -> None:
        self.take = take
        self.sandbox: Sandbox = sandbox.up(
            name, edition=Edition.COMMUNITY, settings={**WITHOUT_JOBS, "timescaledb.license": "apache"}
        )
        self.migration = self.database("sandbox")

    def database(self, name: str) -> Migration:
        return Migration(TestServer.at(self.sandbox.url).database(name), self.take)

    def move_up(self, *, jobs: bool = False) -> None:
        cluster.stop(self.sandbox, at_once=False)
        self.sandbox = cluster.start(replace(self.sandbox, settings=LASTING if jobs else WITHOUT_JOBS), tcp=False)


@contextmanager
def server(name: str) -> Iterator[Server]:
    found = [engine for engine in engines.found() if engine.edition is Edition.COMMUNITY]
    if not found:
        pytest.skip("no server of this edition: no engine of the Community edition is installed")
    pg_dump = found[0].program("pg_dump")
    yield Server(name, lambda database: Snapshot.take(database, pg_dump))
    sandbox.down(name)


def load(migration: Migration) -> None:
    """Readings of the last 70 days."""
    migration.execute(
        "CREATE EXTENSION IF NOT EXISTS timescaledb",
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, v numeric)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT now() - n * interval '1 hour', n % 3, n / 7.0 FROM generate_series(0, 1700) n",
    )


def use(migration: Migration) -> None:
    """An application reads the aggregate, all is refreshed, and the oldest readings are dropped."""
    migration.execute(
        'CREATE VIEW report WITH (security_barrier) AS SELECT device, sum(rows) AS rows FROM "By % hour" GROUP BY 1',
        "CREATE VIEW guarded WITH (security_barrier, security_invoker, check_option = local) AS "
        'SELECT * FROM "By % hour" WHERE device = 1',
        'GRANT SELECT ON "By % hour" TO PUBLIC',
        """COMMENT ON VIEW "By % hour" IS 'Read by the application'""",
    )
    with connect.connection(migration.database) as connection:
        (hourly,) = [each for each in runner.named(connection, "By % hour") if each.kind == "aggregate"]
        connection.rollback()
        runner.refreshed(connection, hourly, None, None)
        assert [result.outcome for result in runner.run_due(connection)] == ["done"] * 4


def shown(migration: Any, name: str) -> Any:
    return migration.value(f"SELECT string_agg(h::text, E'\\n' ORDER BY h::text) FROM {name} h")
