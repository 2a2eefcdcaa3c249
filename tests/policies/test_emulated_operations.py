"""What an edition cannot do is emulated or deferred, looks the same to who reads it, and is taken back exactly."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op

from tsmigrate import connect
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind, Policy, State

revision, down_revision = "emulated", None

apache = pytest.mark.edition("apache")
HOURLY = """
SELECT time_bucket('1 hour', at) AS hour, device, avg(v) AS "the % mean",
       count(*) FILTER (WHERE note = 'two
lines: and $$') AS noted
  FROM reading GROUP BY 1, 2;
"""
ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes


def found(migration: Any) -> dict[Kind, Policy]:
    with connect.connection(migration.database) as connection:
        return {policy.kind: policy for policy in state.policies(connection)}


def everything() -> None:
    op.set_columnstore("reading", segmentby=["device"], orderby=["at DESC"])
    op.add_columnstore_policy("reading", "7 days")
    op.create_continuous_aggregate("Hourly %", HOURLY)
    op.add_refresh_policy("Hourly %", "3 days", "1 hour", "15 minutes")
    op.add_retention_policy("reading", "3 months")
    op.add_retention_policy("Hourly %", "1 year", "12 hours")
    op.add_reorder_policy("reading", "reading_at_idx", schedule_interval="3 days")
    op.set_columnstore("Hourly %", segmentby=["device"])
    op.add_columnstore_policy("Hourly %", "30 days")


def nothing() -> None:
    op.remove_columnstore_policy("Hourly %")
    op.restore_columnstore("Hourly %")
    op.remove_reorder_policy("reading")
    op.remove_retention_policy("Hourly %")
    op.remove_retention_policy("reading")
    op.remove_refresh_policy("Hourly %")
    op.drop_continuous_aggregate("Hourly %")
    op.remove_columnstore_policy("reading")
    op.restore_columnstore("reading")


def refreshed(start: str | None = None, end: str | None = None) -> None:
    op.refresh_continuous_aggregate("Hourly %", start, end)


def test_a_downgrade_takes_all_of_it_back(emulating: Any) -> None:
    emulating.there_and_back(everything, nothing)
    assert emulating.value("SELECT to_regnamespace('tsmigrate')") is None


@apache
def test_what_is_emulated_and_what_is_deferred_is_recorded(emulating: Any) -> None:
    emulating.run(everything)
    policies = found(emulating)
    assert {kind for kind, policy in policies.items() if policy.state is State.DEFERRED} == {
        Kind.COLUMNSTORE,
        Kind.COLUMNSTORE_POLICY,
        Kind.REORDER_POLICY,
    }
    refresh = policies[Kind.REFRESH]
    assert (refresh.config["start_offset"], refresh.config["end_offset"], refresh.every) == (
        "3 days",
        "1 hour",
        "00:15:00",
    )
    assert refresh.due
    assert refresh.name == '"public"."Hourly %"'
    # Nobody else may write where what is written is acted on.
    assert not emulating.value("SELECT has_schema_privilege('public', 'tsmigrate', 'CREATE, USAGE')")


@apache
def test_the_printed_sql_does_the_same(emulating: Any) -> None:
    before = emulating.snapshot()
    emulating.run(everything)
    online = emulating.snapshot()
    emulating.run(nothing)
    emulating.execute(emulating.sql(everything))
    assert emulating.snapshot() == online
    emulating.execute(emulating.sql(nothing))
    assert emulating.snapshot() == before
