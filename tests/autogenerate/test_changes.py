"""What a model declares changes: each change is generated once, and not where it only reads otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError

from autogenerate_support import DAILY, PLAIN, THREE_DAYS, community, model, names
from tsmigrate.schema import Columnstore, Hypertable, Reorder, Retention, timescale

PROJECT = Path(__file__).parents[2]


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
