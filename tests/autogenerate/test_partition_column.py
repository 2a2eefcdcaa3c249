"""The NOT NULL that create_hypertable puts on the partition column is not proposed to be dropped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table

from autogenerate.conftest import Proposed

Execute = Callable[..., None]


def reading(kind: object = None, *, nullable: bool = True) -> MetaData:
    models = MetaData()
    at = Column("at", kind or DateTime(timezone=True), nullable=nullable)
    Table("reading", models, at, Column("device", Integer), Column("value", Integer))
    return models


@pytest.fixture
def hypertable(execute: Execute) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz, device int, value int)",
        "SELECT create_hypertable('reading', 'at', 'device', 2, create_default_indexes => false)",
    )


def test_plain_alembic_drops_it(plainly_proposed: Proposed, hypertable: None) -> None:
    assert plainly_proposed(reading()) == ["modify_nullable reading.at"]


@pytest.mark.parametrize("nullable", [True, False])
def test_it_stays_whatever_the_model_says(proposed: Proposed, hypertable: None, nullable: bool) -> None:
    assert proposed(reading(nullable=nullable)) == []


def test_of_every_other_column_it_is_compared_those_of_a_hash_too(
    proposed: Proposed, hypertable: None, execute: Execute
) -> None:
    execute("ALTER TABLE reading ALTER device SET NOT NULL, ALTER value SET NOT NULL")
    assert proposed(reading()) == ["modify_nullable reading.device", "modify_nullable reading.value"]


def test_of_a_plain_table_it_is_compared(proposed: Proposed, execute: Execute) -> None:
    execute("CREATE TABLE reading (at timestamptz NOT NULL, device int, value int)")
    assert proposed(reading()) == ["modify_nullable reading.at"]


def test_the_columns_type_is_still_compared(proposed: Proposed, hypertable: None) -> None:
    assert proposed(reading(BigInteger())) == ["modify_type reading.at"]


def test_a_hypertable_further_along_the_search_path_is_known_too(proposed: Proposed, execute: Execute) -> None:
    execute(
        "CREATE SCHEMA app",
        "CREATE SCHEMA later",
        "SET search_path = app, later, public",
        "CREATE TABLE later.reading (at timestamptz, device int, value int)",
        "SELECT create_hypertable('reading', 'at')",
    )
    assert proposed(reading()) == []
