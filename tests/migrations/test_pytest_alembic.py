"""pytest-alembic's default tests of the worked example, with its own env.py, on every edition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import Engine

from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.pytest import scratch_engine

__all__ = ["test_model_definitions_match_ddl", "test_single_head_revision", "test_up_down_consistency", "test_upgrade"]


@pytest.fixture
def alembic_config() -> dict[str, str]:
    return {"file": str(Path(__file__).parents[2] / "alembic.ini")}


@pytest.fixture
def alembic_engine(plain_database: DatabaseUrl) -> Iterator[Engine]:
    with scratch_engine(plain_database.full) as engine:
        yield engine
