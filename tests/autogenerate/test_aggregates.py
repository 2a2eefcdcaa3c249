"""Continuous aggregates are made, changed and dropped as models and env.py say."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError

from autogenerate_support import DAILY, HOURLY, PLAIN, THREE_DAYS, community, model, names
from tsmigrate import connect
from tsmigrate.schema import ContinuousAggregate, timescale
from tsmigrate.sql import raw


@community
def test_the_query_of_an_aggregate_compares_as_the_server_writes_it(team: Any) -> None:
    team.models(model(timescale(DAILY), {}))
    team.revision()
    team.upgrade()
    again = """select TIME_BUCKET( interval '60 minutes',at) AS hour,device,
        avg(reading.value) average from reading group by 1,2;"""
    metadata = model(timescale(DAILY), {"query": again})
    team.models(metadata)
    team.check()
    reading = metadata.tables["reading"]
    hour = sa.func.time_bucket("1 hour", reading.c.at).label("hour")
    query = sa.select(hour, reading.c.device, sa.func.avg(reading.c.value).label("average")).group_by("hour", "device")
    team.models(model(timescale(DAILY), {"query": query}))
    team.check()
    team.models(model(timescale(DAILY), {"query": again.replace("avg", "nonsense(1) FROM (avg")}))
    with pytest.raises(CommandError, match=r"the query of the continuous aggregate hourly is refused.*syntax error"):
        team.check()


@community
def test_a_changed_query_builds_another_beside_the_old_one(team: Any) -> None:
    team.models(model(timescale(DAILY), {"refresh": THREE_DAYS}))
    team.revision()
    team.upgrade()
    team.execute(
        "INSERT INTO reading SELECT 1, at, 1 FROM generate_series('2026-01-01'::timestamptz, '2026-01-05', '1 h') at"
    )
    refresh(team)
    team.execute("SELECT drop_chunks('reading', timestamptz '2026-01-03')")
    changed = "SELECT time_bucket('1 hour', at) AS hour, device, max(value) AS most FROM reading GROUP BY hour, device"
    text = team.step(model(timescale(DAILY), {"query": changed, "refresh": THREE_DAYS}))
    assert 'op.rename_continuous_aggregate("hourly", "hourly_old")' in text
    told = " ".join(line.strip("# ") for line in text.splitlines() if line.strip().startswith("#"))
    assert "Its buckets begin at 2026-01-01" in told and "they begin at 2026-01-03" in told
    assert team.value("SELECT count(*) FROM hourly_old") == 97
    assert team.value("SELECT count(*) FROM hourly") == 49


@community
def test_a_column_more_is_added_where_the_aggregate_stands(team: Any) -> None:
    team.models(model(timescale(DAILY), {"refresh": THREE_DAYS}))
    team.revision()
    team.upgrade()
    longer = HOURLY.replace(
        "AS average", 'AS average, max(value) AS "Most, of ""all""", count(*) FILTER (WHERE value > 1)'
    )
    text = team.step(model(timescale(DAILY), {"query": longer, "refresh": THREE_DAYS}))
    assert "op.add_column_to_continuous_aggregate(" in text
    assert '"count", "bigint", "count(*) FILTER (WHERE (reading.value > (1)::double precision))"' in text


@community
def test_what_reads_an_aggregate_that_is_built_anew_is_too(team: Any) -> None:
    def both(query: str) -> sa.MetaData:
        metadata = model(timescale(DAILY), {"query": query})
        ContinuousAggregate(
            "daily", "SELECT time_bucket('1 day', hour) AS day, max(average) FROM hourly GROUP BY day", metadata
        )
        return metadata

    team.models(both(HOURLY))
    team.revision()
    team.upgrade()
    text = team.step(both(HOURLY.replace("avg(value)", "avg(value + 1)")))
    assert 'op.rename_continuous_aggregate("daily", "daily_old")' in text


def refresh(team: Any) -> None:
    with connect.connection(team.database) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(raw("CALL refresh_continuous_aggregate('hourly', NULL, NULL)"))


@community
def test_reading_in_real_time_changes_in_place(team: Any) -> None:
    team.models(model(timescale(DAILY), {}))
    team.revision()
    team.upgrade()
    assert 'op.set_materialized_only("hourly", True)' in team.step(model(timescale(DAILY), {"materialized_only": True}))


@community
def test_a_mapped_aggregate_is_no_table(team: Any) -> None:
    def mapped() -> sa.MetaData:
        metadata = model(timescale(DAILY), {})
        columns = [sa.Column("hour", sa.DateTime(timezone=True), index=True), sa.Column("average", sa.Double)]
        sa.Table("hourly", metadata, *columns)
        return metadata

    team.models(model(timescale(DAILY), {}))
    team.revision()
    team.upgrade()
    team.models(mapped())
    assert "add_table" in names(team, PLAIN)
    assert names(team) == []
    # Nor is it, declared or not, where it is only in the database.
    undeclared = mapped()
    undeclared.info.clear()
    undeclared.tables["reading"].info.clear()
    team.models(undeclared)
    assert names(team) == []


@community
def test_an_aggregate_that_no_model_has_is_dropped_unless_env_py_keeps_it(team: Any) -> None:
    """As Alembic drops a table that no model has, and keeps one that a filter of env.py's leaves out."""
    team.models(model(timescale(DAILY), {}))
    team.revision()
    team.upgrade()
    without = model(timescale(DAILY))
    team.models(without)
    assert names(team) == ["drop_continuous_aggregate"]
    asked: list[Any] = []

    def include_object(table: Any, name: str, kind: str, reflected: bool, compared_to: Any) -> bool:
        asked.append((table.name, kind, reflected, compared_to)) if name == "hourly" else None
        return name != "hourly"

    for kept in (
        {"include_object": include_object},
        {"include_name": lambda name, kind, _parents: (kind, name) != ("table", "hourly")},
    ):
        team.options = kept
        team.check()
    assert asked == [("hourly", "table", True, None)]
    # A Table by which it is queried says that it is known.
    team.options = {}
    sa.Table("hourly", without, sa.Column("hour", sa.DateTime(timezone=True)), sa.Column("average", sa.Double))
    team.check()


@community
def test_an_aggregate_that_env_py_leaves_out_is_neither_made_nor_compared(team: Any) -> None:
    team.models(model(timescale(DAILY)))
    team.revision()
    team.upgrade()
    team.options = {"include_object": lambda _object, name, kind, _reflected, _to: (kind, name) != ("table", "hourly")}
    team.models(model(timescale(DAILY), {}))
    team.check()
    team.execute("CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous) AS " + HOURLY + " WITH NO DATA")
    team.models(model(timescale(DAILY), {"materialized_only": False, "query": HOURLY.replace("avg", "max")}))
    team.check()
    team.options = {}
    assert "rename_continuous_aggregate" in names(team)
