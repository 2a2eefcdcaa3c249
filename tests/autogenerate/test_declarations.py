"""A model declares, Alembic generates: upgraded, in step, and taken back byte for byte."""

from __future__ import annotations

from typing import Any

from autogenerate_support import DAILY, community, model
from tsmigrate.schema import Columnstore, Hypertable, Refresh, Retention, timescale

COLUMNSTORE = Columnstore(["device"], ["at DESC"], "7 days")
ROWS = (
    "INSERT INTO reading SELECT n % 3, at, n FROM generate_series(timestamptz '2026-01-01', '2026-01-05', '1 hour') "
    "WITH ORDINALITY AS g (at, n)"
)


def test_a_new_table_becomes_a_hypertable_and_plain_again(team: Any) -> None:
    text = team.step(model(timescale(DAILY)))
    assert 'op.create_hypertable("reading", "at", "1 day")' in text
    assert "info=" not in text


def test_a_table_with_rows_becomes_a_hypertable_and_plain_again(team: Any) -> None:
    team.step(model({}))
    team.execute(ROWS)
    text = team.step(model(timescale(DAILY)))
    assert 'op.create_hypertable("reading", "at", "1 day", migrate_data=True)' in text
    assert "tsmigrate preflight reading --time at" in text
    assert team.value("SELECT count(*) FROM reading") == 97


def test_an_interval_changes(team: Any) -> None:
    team.step(model(timescale(DAILY)))
    assert 'op.set_chunk_interval("reading", "1 month")' in team.step(model(timescale(Hypertable("at", "1 month"))))
    team.models(model(timescale(Hypertable("at", "30 days"))))
    team.check()


@community
def test_columnstore_and_policies_come_and_go(team: Any) -> None:
    team.step(model({}))
    team.execute(ROWS)
    text = team.step(model(timescale(DAILY, COLUMNSTORE, Retention("100 years"))))
    assert 'op.set_columnstore("reading", segmentby=["device"], orderby=["at DESC"])' in text
    team.execute("SELECT count(compress_chunk(c)) FROM show_chunks('reading') c")
    text = team.step(model(timescale(DAILY)))
    assert "op.disable_columnstore" in text
    assert team.value("SELECT count(*) FROM reading") == 97


@community
def test_an_aggregate_comes_and_goes(team: Any) -> None:
    team.step(model(timescale(DAILY)))
    text = team.step(model(timescale(DAILY), {"refresh": Refresh("3 days", "1 hour", "30 minutes")}))
    assert 'op.add_refresh_policy("hourly", "3 days", "1 hour", "30 minutes")' in text
    text = team.step(model(timescale(DAILY)))
    assert 'op.drop_continuous_aggregate("hourly")' in text
