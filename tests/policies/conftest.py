"""Operations on a server that cannot do them, as `tests/ops` runs them."""

from __future__ import annotations

from typing import Any

import pytest

from ops.conftest import migration, settings

__all__ = ["migration", "settings"]


@pytest.fixture
def emulating(migration: Any, settings: dict[str, str]) -> Any:
    """A hypertable with 10 chunks of a day each, a row an hour; what the server cannot do is emulated."""
    settings["on_unsupported"] = "emulate"
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, v float8, note text)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-03-01 00:30+00' + n * interval '1 hour', n % 3, n / 7.0, "
        "CASE n % 2 WHEN 0 THEN E'two\\nlines: and $$' END FROM generate_series(0, 239) n",
    )
    return migration
