"""Continuous aggregates in a rollback test: refreshed outside a transaction, and their stored rows compared."""

from __future__ import annotations

import pytest

from alembic_project import Project, Rehearse, told
from tsmigrate.finding import Severity
from tsmigrate.verify.crash_points import Crash

pytestmark = pytest.mark.edition("community")

READINGS = """
CREATE EXTENSION timescaledb;
CREATE TABLE readings (at timestamptz NOT NULL, value int NOT NULL);
SELECT create_hypertable('readings', 'at')
"""
DAILY = """
CREATE MATERIALIZED VIEW "Per day" WITH (timescaledb.continuous) AS
SELECT time_bucket('1 day', at) AS "The day", count(*) FROM readings GROUP BY 1 WITH NO DATA
"""
REFRESH = """
with op.get_context().autocommit_block():
    op.execute('''CALL refresh_continuous_aggregate('"Per day"', NULL, NULL)''')
"""


@pytest.fixture
def daily(project: Project) -> Project:
    project.revision("a1", READINGS, "DROP TABLE readings;\nDROP EXTENSION timescaledb")
    project.revision("b2", DAILY, 'DROP MATERIALIZED VIEW "Per day"', after="a1")
    project.revision("c3", REFRESH, "", after="b2")
    return project


def test_a_refresh_outside_a_transaction_passes_wherever_it_is_cut_off(daily: Project, rehearse: Rehearse) -> None:
    daily.revision("d4", "SELECT add_retention_policy('\"Per day\"', interval '9 years')",
                   "SELECT remove_retention_policy('\"Per day\"')", after="c3")  # fmt: skip
    report = rehearse(crash=Crash.ALL)
    assert report.differences == ()
    assert [finding.check for finding in told(report, Severity.OK)] == ["a1", "b2", "c3", "d4", "base"]


def test_stored_rows_that_a_downgrade_loses_are_found(daily: Project, rehearse: Rehearse) -> None:
    """The raw rows may be gone by then, and the aggregate all that is left of them."""
    daily.revision("d4", "SELECT 1", "SELECT drop_chunks('\"Per day\"', '2100-01-01'::timestamptz)", after="c3")
    (finding,) = rehearse().differences
    assert (finding.check, finding.seen) == ("d4", "the downgrade changes rows or sequences")
    assert 'what is stored of the continuous aggregate "public"."Per day": ' in finding.why
    assert finding.why.endswith(" rows before, 0 after")
