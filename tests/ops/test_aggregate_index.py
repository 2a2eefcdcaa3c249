"""An index on a continuous aggregate is where its rows are, on either edition, and goes and comes back with it."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from ops_support import refusal
from tsmigrate.capability import Edition
from tsmigrate.errors import UsageError
from tsmigrate.ops.aggregate_index import CreateAggregateIndex, DropAggregateIndex

revision, down_revision = "aggregate_index", None

QUERY = "SELECT time_bucket('1 hour', at) AS hour, device AS \"De vice\", count(*) AS rows FROM reading GROUP BY 1, 2"
INDEXES = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'By \"device\" %'"


@pytest.fixture
def aggregated(migration: Any, settings: dict[str, str]) -> Any:
    settings["on_unsupported"] = "emulate"
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-03-01+00' + n * interval '1 hour', n % 3 "
        "FROM generate_series(0, 99) n",
    )
    migration.run(lambda: op.create_continuous_aggregate("hourly", QUERY))
    return migration


def upgrade() -> None:
    op.create_aggregate_index('By "device" %', "hourly", ['"De vice"', "hour DESC"])
    op.create_aggregate_index("second", "hourly", ["rows"], schema="public")


def downgrade() -> None:
    op.drop_aggregate_index("second", "hourly", schema="public")
    op.drop_aggregate_index('By "device" %', "hourly")


def test_it_is_made_and_taken_back(aggregated: Any, edition: Edition) -> None:
    aggregated.there_and_back(upgrade, downgrade)
    aggregated.run(upgrade)
    assert 'there is "By ""device"" %" already' in refusal(aggregated, upgrade)
    schema = "tsmigrate" if edition is Edition.APACHE else "_timescaledb_internal"
    assert aggregated.value(
        f"SELECT indexdef LIKE '%(\"De vice\", hour DESC)' FROM pg_indexes WHERE schemaname = '{schema}' "
        "AND indexname = 'By \"device\" %'"
    )
    aggregated.execute(f"COMMENT ON INDEX {schema}.second IS 'it''s the second'")
    # It comes back with an aggregate that another revision's upgrade drops.
    aggregated.execute("DROP TABLE tsmigrate.undo" if edition is Edition.APACHE else "DROP SCHEMA tsmigrate CASCADE")
    aggregated.there_and_back(
        lambda: op.drop_continuous_aggregate("hourly"), lambda: op.restore_continuous_aggregate("hourly")
    )
    aggregated.run(downgrade)
    assert aggregated.value(INDEXES) == 0
    assert "it has no index second" in refusal(aggregated, lambda: op.drop_aggregate_index("second", "hourly"))


def test_what_makes_no_sense_is_refused_and_skipped_where_that_is_wanted(
    aggregated: Any, edition: Edition, settings: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match="does not know its columns"):
        DropAggregateIndex("hourly", None, "second").reverse()
    created = CreateAggregateIndex("hourly", None, "second", ["rows"])
    assert created.reverse().reverse() == created
    with pytest.raises(DBAPIError, match="is not a continuous aggregate"):
        aggregated.run(lambda: op.create_aggregate_index("x", "reading", ["device"]))
    with pytest.raises(UsageError, match="cannot order by"):
        aggregated.run(lambda: op.create_aggregate_index("x", "hourly", ["device; DROP TABLE reading"]))
    if edition is Edition.APACHE:
        with pytest.raises(
            CommandError, match=r'cannot create index on relation "hourly"\n  mend: .*create_aggregate_index'
        ):
            aggregated.run(lambda: op.create_index("x", "hourly", ["rows"]))
        settings["on_unsupported"] = "skip"
        aggregated.there_and_back(upgrade, downgrade)
        settings["on_unsupported"] = "error"
        assert "tsmigrate.on_unsupported = emulate" in refusal(aggregated, upgrade)
