"""Operations on a server that cannot do them, as `tests/ops` runs them, and on one that can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import op

from ops.conftest import Migration, migration, settings
from policies_support import DAILY
from support import Take

__all__ = ["migration", "settings"]

revision, down_revision = "kept", None


@pytest.fixture
def emulating(migration: Any, settings: dict[str, str]) -> Any:
    """Readings, on a server where what it cannot do is emulated."""
    settings["on_unsupported"] = "emulate"
    load(migration)
    return migration


@pytest.fixture
def community(request: pytest.FixtureRequest, settings: dict[str, str], take: Take) -> Iterator[Any]:
    """The same on a server that can do everything, whatever the test's own."""
    server, clones = (request.getfixturevalue(f"community_{what}") for what in ("server", "extension_clones"))
    name = clones.take()
    migration = Migration(server.database(name), take)
    load(migration)
    yield migration
    clones.drop(name)


def load(migration: Any) -> None:
    """A hypertable with 10 chunks of a day each, a row an hour."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, v float8, note text)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-03-01 00:30+00' + n * interval '1 hour', n % 3, n / 7.0, "
        "CASE n % 2 WHEN 0 THEN E'two\\nlines: and $$' END FROM generate_series(0, 239) n",
    )


def policies() -> None:
    op.create_continuous_aggregate("daily", DAILY)
    op.add_refresh_policy("daily", "30 days", "1 hour", "15 minutes")
    op.add_retention_policy("reading", "60 days", "1 day")


@pytest.fixture
def kept(emulating: Any) -> Any:
    keep(emulating)
    return emulating


def keep(migration: Any) -> None:
    """Readings of the last 20 days, and of days 100 to 90 before now, with the policies that keep them."""
    migration.execute(
        "DELETE FROM reading",
        "SELECT drop_chunks('reading', timestamptz '2200-01-01')",
        "INSERT INTO reading SELECT now() - n * interval '6 hours', n % 3, n FROM generate_series(0, 79) n",
        "INSERT INTO reading SELECT now() - interval '90 days' - n * interval '6 hours', 1, n "
        "FROM generate_series(0, 39) n",
    )
    migration.run(policies)
