"""What is declared in a schema, or in one that is another in this database, is in step."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from autogenerate_support import DAILY, THREE_DAYS, community, model
from tsmigrate.schema import Columnstore, ContinuousAggregate, Hypertable, Reorder, Retention, timescale


def plant(*kept: Any, query: str | None = None, **hourly: Any) -> sa.MetaData:
    metadata = sa.MetaData(schema="plant")
    at = sa.Column("at", sa.DateTime(timezone=True), nullable=False)
    index = sa.Index("reading_at_idx", sa.text("at DESC"))
    sa.Table("reading", metadata, at, index, info=timescale(DAILY, *kept))
    if query:
        ContinuousAggregate("hourly", query, metadata, **hourly)
    return metadata


@community
def test_everything_in_a_schema_is_in_step_with_and_without_include_schemas(team: Any) -> None:
    kept = (Columnstore([], ["at DESC"], "7 days"), Retention("1 year"), Reorder("reading_at_idx"))
    hourly = {"refresh": THREE_DAYS, "columnstore": Columnstore([], ["hour DESC"], "1 year")}
    query = "SELECT time_bucket('1 hour', at) AS hour, count(*) AS n FROM plant.reading GROUP BY 1"
    team.execute("CREATE SCHEMA plant")
    team.options = {"include_schemas": True}
    text = team.step(plant(*kept, query=query, **hourly))
    assert 'op.add_columnstore_policy("hourly", "1 year", schema="plant")' in text
    assert 'op.add_reorder_policy("reading", "reading_at_idx", schema="plant")' in text
    team.step(plant(*kept[1:], query=query.replace("count", "max").replace("*", "at")))
    # In the default schema, and the same.
    team.options = {}
    team.downgrade("base")
    team.models(model(timescale(DAILY, *kept), {**hourly, "columnstore": Columnstore(["device"], ["hour DESC"])}))
    (team.folder / "versions").rename(team.folder / "before")
    (team.folder / "versions").mkdir()
    team.revision()
    team.upgrade()
    for include_schemas in (True, False):
        team.options = {"include_schemas": include_schemas}
        team.check()


def test_schemas_and_their_filters(team: Any) -> None:
    team.execute("CREATE SCHEMA plant")
    team.options = {"include_schemas": True}
    text = team.step(plant())
    assert 'op.create_hypertable("reading", "at", "1 day", schema="plant")' in text


def test_a_schema_that_is_another_in_this_database(team: Any, edition: str) -> None:
    team.execute("CREATE SCHEMA tenant")
    # As Alembic's own recipe for many tenants: the search path finds the tables, and the map is SQLAlchemy's.
    team.session = ["SET search_path = tenant, public"]
    team.translate = {None: "tenant"}
    kept = (Columnstore(["device"], ["at DESC"], "7 days"), Retention("1 year"), Reorder("reading_at_idx"))
    metadata = model(timescale(DAILY, *(kept if edition == "community" else ())))
    if edition == "community":
        reading = metadata.tables["reading"]
        hour = sa.func.time_bucket("1 hour", reading.c.at).label("hour")
        query = sa.select(hour, sa.func.count().label("n")).group_by("hour")
        stored = Columnstore([], ["hour DESC"], "1 year")
        ContinuousAggregate("hourly", query, metadata, refresh=THREE_DAYS, columnstore=stored)
    team.step(metadata)
    team.step(model(timescale(Hypertable("at", "2 days", ("device", 2)))))
    assert team.value("SELECT hypertable_schema FROM timescaledb_information.hypertables LIMIT 1") == "tenant"
