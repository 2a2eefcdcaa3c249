"""The index that create_hypertable makes is TimescaleDB's, known by its definition and not by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, UniqueConstraint, text

from autogenerate.conftest import Proposed

Execute = Callable[..., None]
ODD = 'Odd "name"; %s :x ' + "ü" * 20


def reading(*arguments: Any, name: str = "reading", time: str = "at") -> MetaData:
    models = MetaData()
    columns = (
        Column(time, DateTime(timezone=True), nullable=False),
        Column("device", Integer),
        Column("value", Integer),
    )
    Table(name, models, *columns, *arguments)
    return models


@pytest.fixture
def hypertable(execute: Execute) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value int)",
        "SELECT create_hypertable('reading', 'at')",
    )


def test_plain_alembic_drops_it(plainly_proposed: Proposed, hypertable: None) -> None:
    assert plainly_proposed(reading()) == ["remove_index reading_at_idx"]


def test_it_stays(proposed: Proposed, hypertable: None) -> None:
    assert proposed(reading()) == []


def test_it_stays_by_any_name(proposed: Proposed, hypertable: None, execute: Execute) -> None:
    execute("ALTER INDEX reading_at_idx RENAME TO by_time")
    assert proposed(reading()) == []


def test_it_stays_with_other_storage(proposed: Proposed, hypertable: None, execute: Execute) -> None:
    execute("ALTER INDEX reading_at_idx SET (fillfactor = 80)")
    assert proposed(reading()) == []


def test_both_of_a_table_with_a_hash_dimension_stay(
    proposed: Proposed, plainly_proposed: Proposed, execute: Execute
) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value int)",
        "SELECT create_hypertable('reading', 'at', 'device', 2)",
    )
    assert plainly_proposed(reading()) == ["remove_index reading_at_idx", "remove_index reading_device_at_idx"]
    assert proposed(reading()) == []


def test_it_stays_under_odd_names(proposed: Proposed, execute: Execute) -> None:
    quoted = '"' + ODD.replace('"', '""') + '"'
    execute(
        f"CREATE TABLE {quoted} ({quoted} timestamptz NOT NULL, device int, value int)",
        f"SELECT create_hypertable('{quoted}', '{ODD}')",
    )
    assert proposed(reading(name=ODD, time=ODD)) == []


@pytest.mark.parametrize(
    "definition",
    [
        "INDEX other ON reading (at)",
        "INDEX other ON reading (at DESC) WHERE value > 1",
        "INDEX other ON reading (at DESC) INCLUDE (value)",
        "INDEX other ON reading (at DESC NULLS LAST)",
        "INDEX other ON reading (value, at DESC)",
        "INDEX other ON reading USING brin (at)",
        "UNIQUE INDEX other ON reading (at DESC)",
    ],
)
def test_any_other_that_the_model_lacks_is_dropped(
    proposed: Proposed, hypertable: None, execute: Execute, definition: str
) -> None:
    execute(f"CREATE {definition}")
    assert proposed(reading()) == ["remove_index other"]


def test_on_a_plain_table_it_is_dropped(proposed: Proposed, execute: Execute) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value int)",
        "CREATE INDEX reading_at_idx ON reading (at DESC)",
    )
    assert proposed(reading()) == ["remove_index reading_at_idx"]


def test_a_model_that_declares_it_is_right(proposed: Proposed, hypertable: None) -> None:
    assert proposed(reading(Index("reading_at_idx", text("at DESC")))) == []


def test_a_model_that_names_it_otherwise_gets_that_name_and_no_second_one(
    proposed: Proposed, hypertable: None, execute: Execute
) -> None:
    models = reading()
    Index("by_time", models.tables["reading"].c.at.desc())
    assert proposed(models) == ["add_index by_time", "remove_index reading_at_idx"]
    execute("DROP INDEX reading_at_idx", "CREATE INDEX by_time ON reading (at DESC)")
    assert proposed(models) == []


def test_of_a_dropped_model_the_index_goes_with_the_table(proposed: Proposed, hypertable: None) -> None:
    assert proposed(MetaData()) == ["remove_table reading"]


def hides_by_name(name: str | None, kind: str, _parents: object) -> bool:
    """What teams without the plugin write into env.py."""
    return not (kind == "index" and str(name).endswith("_at_idx"))


def test_plain_alembic_adds_again_what_a_filter_by_name_hides(plainly_proposed: Proposed, hypertable: None) -> None:
    models = reading(Index("reading_at_idx", text("at DESC")))
    assert plainly_proposed(models, include_name=hides_by_name) == ["add_index reading_at_idx"]


def test_a_filter_by_name_that_stayed_in_env_py_does_no_harm(proposed: Proposed, hypertable: None) -> None:
    assert proposed(reading(), include_name=hides_by_name) == []
    assert proposed(reading(Index("reading_at_idx", text("at DESC"))), include_name=hides_by_name) == []


def test_the_users_own_filters_keep_working(proposed: Proposed, hypertable: None, execute: Execute) -> None:
    execute("CREATE INDEX ours ON reading (value)", "CREATE INDEX theirs ON reading (device)", "CREATE TABLE beside ()")
    asked = []

    def include_object(_object: object, name: str, kind: str, _reflected: bool, _compared: object) -> bool:
        asked.append(name)
        return name != "theirs"

    def include_name(name: str | None, kind: str, _parents: object) -> bool:
        return (kind, name) != ("table", "beside")

    assert proposed(reading(), include_object=include_object, include_name=include_name) == ["remove_index ours"]
    assert "reading_at_idx" in asked


def test_a_unique_constraint_on_it_is_none_of_our_business(proposed: Proposed, hypertable: None) -> None:
    assert proposed(reading(UniqueConstraint("at", name="once"))) == ["add_constraint once"]
