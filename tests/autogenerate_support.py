"""A model that the tests of autogenerate change, and Alembic without tsmigrate."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tsmigrate.schema import ContinuousAggregate, Hypertable, Refresh

PLAIN = ["alembic.autogenerate.*", "~alembic.autogenerate.tsmigrate"]
DAILY = Hypertable("at", "1 day")
THREE_DAYS = Refresh("3 days", "1 hour", "30 minutes")
community = pytest.mark.edition("community")
HOURLY = """
    SELECT time_bucket('1 hour', at) AS hour, device, avg(value) AS average
    FROM reading GROUP BY hour, device
"""


def model(info: dict[Any, Any], aggregate: dict[str, Any] | None = None) -> sa.MetaData:
    """The table `reading`, and the aggregate `hourly` with what it differs in."""
    metadata = sa.MetaData()
    sa.Table(
        "reading",
        metadata,
        sa.Column("device", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("value", sa.Double),
        sa.Index("reading_at_idx", sa.text("at DESC")),
        info=info,
    )
    if aggregate is not None:
        ContinuousAggregate("hourly", **{"query": HOURLY, "metadata": metadata, **aggregate})
    return metadata


def names(team: Any, plugins: list[str] | None = None) -> list[str]:
    """The operations that are proposed."""
    return [diff[0] for diff in team.diffs(plugins)]
