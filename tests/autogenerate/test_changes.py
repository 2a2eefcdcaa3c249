"""What a model declares changes: each change is generated once, and not where it only reads otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError

from autogenerate_support import DAILY, HOURLY, PLAIN, community, model
from tsmigrate.schema import Columnstore, ContinuousAggregate, Hypertable, Refresh, Reorder, Retention, timescale

PROJECT = Path(__file__).parents[2]
THREE_DAYS = Refresh("3 days", "1 hour", "30 minutes")


def names(team: Any, plugins: list[str] | None = None) -> list[str]:
    return [diff[0] for diff in team.diffs(plugins)]


@community
@pytest.mark.parametrize(
    ("declared", "differs"),
    [
        ("90 days", False),
        ("2160:00:00", False),  # a day counts as 24 hours
        ("12 weeks 6 days", False),
        ("3 months", True),  # 89 to 92 days
        ("89 days 24 hours", False),
        ("91 days", True),
    ],
)
def test_policies_compare_by_effect(team: Any, declared: str, *, differs: bool) -> None:
    team.models(model(timescale(DAILY, Retention("90 days", "1 day"))))
    team.revision()
    team.upgrade()
    team.models(model(timescale(DAILY, Retention(declared, "24 hours"))))
    assert names(team) == (["remove_retention_policy", "add_retention_policy"] if differs else [])


@community
def test_every_policy_comes_changes_and_goes_and_each_downgrade_gives_the_former_back(team: Any) -> None:
    hourly = {
        "refresh": THREE_DAYS,
        "retention": Retention("10 years"),
        "columnstore": Columnstore(["device"], ["hour DESC"], "30 days", "6 hours"),
    }
    kept = [
        Columnstore(["device"], ["at DESC"], "7 days", "6 hours"),
        Retention("1 month"),
        Reorder("reading_at_idx", "3 hours"),
    ]
    team.step(model(timescale(DAILY), {}))
    text = team.step(model(timescale(DAILY, *kept), hourly))
    assert 'op.add_reorder_policy("reading", "reading_at_idx", schedule_interval="3 hours")' in text
    assert 'op.set_columnstore("hourly", segmentby=["device"], orderby=["hour DESC"])' in text
    changed = {
        "refresh": Refresh("2 days", None, "30 minutes"),
        "retention": Retention("11 years"),
        "columnstore": Columnstore([], ["hour DESC"], "3 years"),
    }
    kept = [Columnstore(["device"], ["at DESC"], "35 days"), Retention("40 days"), Reorder("reading_pkey")]
    text = team.step(model(timescale(DAILY, *kept), changed))
    assert 'op.add_columnstore_policy("reading", "7 days", schedule_interval="6 hours")' in text
    assert 'op.add_columnstore_policy("hourly", "30 days", schedule_interval="6 hours")' in text
    # The refresh goes first and comes last: retention judges by it, and it by retention. The columnstore's policy
    # changes while there is no retention: each is refused where it would get nothing to do.
    up = text.partition("def downgrade")[0]
    order = [
        "remove_refresh_policy",
        "remove_retention_policy",
        "remove_columnstore_policy",
        "add_columnstore_policy",
        "add_retention_policy",
        "add_refresh_policy",
    ]
    assert sorted(order, key=up.index) == order
    text = team.step(model(timescale(DAILY, Columnstore(["device"], ["at DESC"])), {}))
    assert 'op.disable_columnstore("hourly")' in text
    assert 'op.remove_reorder_policy("reading")' in text


@community
def test_what_a_policy_leaves_out_is_no_difference(team: Any) -> None:
    hourly = {"columnstore": Columnstore(["device"], ["hour DESC"], "30 days", "6 hours")}
    team.models(model(timescale(DAILY, Reorder("reading_at_idx", "3 hours")), hourly))
    team.revision()
    team.upgrade()
    for columnstore in (Columnstore(after="720 hours"), Columnstore(["device"], None, "30 days")):
        team.models(model(timescale(DAILY, Reorder("reading_at_idx")), {"columnstore": columnstore}))
        team.check()
    team.models(model(timescale(DAILY, Reorder("reading_at_idx", "180 minutes")), {"columnstore": Columnstore()}))
    assert names(team) == ["remove_columnstore_policy"]


@community
def test_a_policy_that_no_declaration_says_is_told(team: Any) -> None:
    team.models(model(timescale(DAILY)))
    team.revision()
    team.upgrade()
    team.execute("SELECT add_retention_policy('reading', drop_created_before => interval '1 year')")
    for models in (model(timescale(DAILY)), model(timescale(DAILY, Retention("1 year"))), sa.MetaData()):
        team.models(models)
        with pytest.raises(
            CommandError, match=r"(?s)the retention policy of reading goes by when chunks.*mend: remove"
        ):
            team.check()


@community
def test_an_index_may_go_with_the_policy_that_rewrites_by_it(team: Any) -> None:
    def by(index: str | None, *kept: Any) -> sa.MetaData:
        metadata = model(timescale(DAILY, *kept))
        if index:
            sa.Index(index, metadata.tables["reading"].c.value)
        return metadata

    team.models(by("by_value", Reorder("by_value")))
    team.revision()
    team.upgrade()
    assert 'op.remove_reorder_policy("reading")' in team.step(by("by_worth", Reorder("by_worth")))
    team.step(by(None))
    team.step(by("by_value", Reorder("by_value")))
    team.step(sa.MetaData())  # nor does the table come back without it


@community
def test_another_layout_is_set_and_told_not_to_reach_old_chunks(team: Any) -> None:
    team.models(model(timescale(DAILY, Columnstore(["device"], ["at DESC"]))))
    team.revision()
    team.upgrade()
    for same in (Columnstore(["device"], ["at desc nulls first"]), Columnstore(["device"]), Columnstore()):
        team.models(model(timescale(DAILY, same)))
        team.check()
    text = team.step(model(timescale(DAILY, Columnstore([], ["at DESC", "device"]))))
    assert "# Chunks in the columnstore keep their layout." in text
    assert "compress_chunk(decompress_chunk(chunk))" in text


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
    from tsmigrate import connect
    from tsmigrate.sql import raw

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


@community
def test_plain_alembic_sees_no_policy_and_no_aggregate(team: Any) -> None:
    kept = (Columnstore(["device"], ["at DESC"], "7 days"), Retention("1 year"), Reorder("reading_at_idx"))
    team.models(model(timescale(DAILY, *kept), {"refresh": THREE_DAYS}))
    team.revision()
    team.upgrade()
    team.execute(
        "ALTER TABLE reading SET (timescaledb.compress_segmentby = '')",
        "CALL remove_columnstore_policy('reading')",
        "SELECT remove_reorder_policy('reading')",
        "SELECT remove_retention_policy('reading')",
        "SELECT remove_continuous_aggregate_policy('hourly')",
        "SELECT set_chunk_time_interval('reading', interval '2 days')",
    )
    assert names(team, PLAIN) == []
    assert names(team) == [
        "set_chunk_interval",
        "set_columnstore",
        "add_columnstore_policy",
        "add_retention_policy",
        "add_reorder_policy",
        "add_refresh_policy",
    ]
    team.execute("DROP MATERIALIZED VIEW hourly")
    assert names(team, PLAIN) == []
    assert "create_continuous_aggregate" in names(team)


def test_a_dropped_model_comes_back_as_a_hypertable(team: Any, edition: str) -> None:
    kept = [Columnstore(["device"], ["at DESC"], "7 days"), Retention("100 years")] if edition == "community" else []
    team.models(model(timescale(DAILY, *kept), {} if edition == "community" else None))
    team.revision()
    team.upgrade()
    before = team.snapshot()
    text = team.step(sa.MetaData())
    up, down = text.split("def downgrade")
    assert "op.drop_table('reading')" in up.replace('"', "'")
    assert 'op.create_hypertable("reading", "at", "1 day"' in down
    assert ("op.drop_continuous_aggregate" in up) == (edition == "community")
    team.downgrade()
    assert team.snapshot() == before
    team.upgrade()
    team.downgrade()
    assert team.snapshot() == before


def test_plain_alembic_brings_back_a_plain_table(team: Any) -> None:
    team.models(model(timescale(DAILY)))
    team.revision()
    team.upgrade()
    team.options = {"autogenerate_plugins": PLAIN}
    team.models(sa.MetaData())
    team.revision()
    team.upgrade()
    team.downgrade()
    assert team.value("SELECT count(*) FROM timescaledb_information.hypertables") == 0


def test_another_partitioning_is_refused_with_what_to_do(team: Any) -> None:
    team.models(model(timescale(Hypertable("at", "1 day", ("device", 4)))))
    team.revision()
    team.upgrade()
    for other, told in (
        (Hypertable("at", "1 day"), "hash_dimension None, and the hypertable has 'device'"),
        (Hypertable("at", "1 day", ("device", 4), "now"), "integer_now 'now', and the hypertable has None"),
    ):
        team.models(model(timescale(other)))
        with pytest.raises(CommandError, match=rf"(?s)the model of reading declares the {told}.*mend: correct the"):
            team.check()
    # What works instead, as the first of the two is told.
    assert 'op.set_hash_partitions("reading", 1)' in team.step(
        model(timescale(Hypertable("at", "1 day", ("device", 1))))
    )


def test_a_hash_dimension_comes_to_a_hypertable_with_rows(team: Any) -> None:
    team.models(model(timescale(DAILY)))
    team.revision()
    team.upgrade()
    team.execute(
        "INSERT INTO reading SELECT n, '2026-01-01'::timestamptz + n * interval '1 h' FROM generate_series(1, 60) n"
    )
    text = team.step(model(timescale(Hypertable("at", "1 day", ("device", 4)))))
    assert 'op.add_hash_dimension("reading", "device", 4)' in text
    assert 'op.revert_hash_dimension("reading", column="device", number=4)' in text
    assert "the downgrade makes the hypertable anew" in " ".join(text.replace("#", "").split())
    assert team.value("SELECT count(*) FROM reading") == 60
    # The table goes, and comes back with the dimension, and without the index that would have come with it at first.
    before = team.snapshot()
    team.execute("TRUNCATE reading")
    team.step(sa.MetaData())
    team.downgrade()
    assert team.snapshot() == before


def test_a_number_of_partitions_changes(team: Any) -> None:
    team.models(model(timescale(Hypertable("at", "1 day", ("device", 4)))))
    team.revision()
    team.upgrade()
    team.check()
    text = team.step(model(timescale(Hypertable("at", "1 day", ("device", 8)))))
    assert 'op.set_hash_partitions("reading", 8)' in text


def test_a_length_of_time_that_is_none_is_told(team: Any) -> None:
    team.models(model(timescale(DAILY)))
    team.revision()
    team.upgrade()
    team.models(model(timescale(Hypertable("at", "one day"))))
    with pytest.raises(CommandError, match="the interval of reading is 'one day', which is no interval"):
        team.check()


@pytest.mark.edition("apache")
def test_what_is_skipped_on_the_apache_edition_is_no_difference(team: Any) -> None:
    kept = (Columnstore(["device"], ["at DESC"], "7 days"), Retention("1 year"), Reorder("reading_at_idx"))
    hourly = {"refresh": THREE_DAYS, "columnstore": Columnstore(["device"], after="1 year")}
    declared = model(timescale(DAILY, *kept), hourly)
    team.settings = {"tsmigrate.on_unsupported": "skip"}
    team.step(declared)
    # Refusing instead, it is missing: an upgrade of it fails, with what the edition lacks.
    team.settings = {}
    with pytest.raises(CommandError, match="New upgrade operations detected"):
        team.check()
    # It goes without a word where it was skipped, and its downgrade brings nothing.
    team.settings = {"tsmigrate.on_unsupported": "skip"}
    team.models(model(timescale(DAILY)))
    team.check()


def test_the_generated_file_is_formatted_as_the_projects_own_are(team: Any) -> None:
    (team.folder / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    team.ini = PROJECT / "alembic.ini"
    kept = (Retention("12 months"), Reorder("reading_at_idx"))
    hourly = {"columnstore": Columnstore(["device"], ["hour DESC"], "1 year", "6 hours")}
    team.models(model(timescale(Hypertable("at", "1 day", default_indexes=False), *kept), hourly))
    made = team.revision()
    assert "import sqlalchemy as sa" in made
    team.settings = {"tsmigrate.on_unsupported": "skip"}
    team.upgrade()
    team.models(model(timescale(Hypertable("at", "2 days"))))
    made = team.revision()
    assert "sqlalchemy" not in made
    for ruff in (["format", "--check"], ["check"]):
        subprocess.run([sys.executable, "-m", "ruff", *ruff, str(team.folder / "versions")], check=True)


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
