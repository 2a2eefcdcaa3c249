"""A natively partitioned table passes the rollback test, seeded rows and crashes included."""

from __future__ import annotations

from alembic_project import GOOD_ENV, Project, Rehearse
from tsmigrate.verify.crash_points import Crash

PARTITIONED = """
CREATE EXTENSION timescaledb;
CREATE TABLE readings (id int NOT NULL, at timestamptz NOT NULL, note text, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE TABLE january PARTITION OF readings FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE february PARTITION OF readings FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE rest PARTITION OF readings DEFAULT PARTITION BY LIST (id);
CREATE TABLE rest_rest PARTITION OF rest DEFAULT;
INSERT INTO readings SELECT n, '2026-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 90) n
"""


def test_there_and_back_is_exact(project: Project, rehearse: Rehearse) -> None:
    """Attached on the Community edition, copied on the other one."""
    project.env(text="import tsmigrate.autogenerate\n" + GOOD_ENV)
    project.revision("a1", PARTITIONED, "DROP TABLE readings;\nDROP EXTENSION timescaledb")
    create = 'op.create_hypertable("readings", "at", "7 days", migrate_data=True, method="auto")'
    project.revision("b2", create, 'op.revert_hypertable("readings")', after="a1")
    report = rehearse(crash=Crash.SAMPLE)
    assert report.differences == ()
    assert report.exit_code == 0, report.findings
