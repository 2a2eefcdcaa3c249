"""An emulated aggregate answers as TimescaleDB's own does, before and after refreshes, late rows included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import op

revision, down_revision = "aggregates", None

apache = pytest.mark.edition("apache")
HOURLY = """
SELECT time_bucket('1 hour', at) AS hour, device, count(*) AS rows, min(v) AS least, max(note) AS greatest
  FROM reading GROUP BY 1, 2 HAVING count(*) > 0
"""
SHOWN = "SELECT string_agg(h::text, E'\\n' ORDER BY h::text) FROM {} h"
COUNTED = "(SELECT time_bucket('1 hour', at), device, count(*), min(v), max(note) FROM reading GROUP BY 1, 2)"


def created(*, materialized_only: bool = False) -> None:
    op.create_continuous_aggregate("hourly", HOURLY, materialized_only)


def dropped() -> None:
    op.drop_continuous_aggregate("hourly")


def refresh(migration: Any, start: str | None = None, end: str | None = None, name: str = "hourly") -> None:
    """As each edition does it."""
    migration.run(lambda: op.refresh_continuous_aggregate(name, start, end))
    migration.run(lambda: op.keep_refreshed(name))


def shown(migration: Any, source: str = "hourly") -> Any:
    return migration.value(SHOWN.format(source))


def answers(migration: Any) -> Iterator[Any]:
    """What is read after each of many steps."""
    migration.run(created)
    yield shown(migration)  # real time: all rows
    migration.run(lambda: op.create_continuous_aggregate("as_filled", HOURLY, materialized_only=True))
    yield shown(migration, "as_filled")  # nothing
    for name in ("hourly", "as_filled"):
        refresh(migration, "2026-03-02 00:20+00", "2026-03-05 12:40+00", name)  # buckets that lie in it whole
        yield shown(migration, name)
    migration.execute(
        "INSERT INTO reading VALUES ('2026-03-01 00:10+00', 7, 1), ('2026-03-03 00:10+00', 7, 1), "
        "('2026-03-08 00:10+00', 7, 1), ('2026-04-01+00', NULL, 1), ('2026-04-01+00', NULL, 2)",
        "UPDATE reading SET v = -1 WHERE at BETWEEN '2026-03-04' AND '2026-03-09'",
        "DELETE FROM reading WHERE at BETWEEN '2026-03-05 02:00+00' AND '2026-03-05 04:00+00'",
    )
    yield shown(migration)  # late rows and changes show where nothing is filled yet
    refresh(migration, "2026-03-03", "2026-03-04")
    yield shown(migration)  # and elsewhere after a refresh that covers them
    for name in ("hourly", "as_filled"):
        refresh(migration, name=name)
        yield shown(migration, name)
    assert shown(migration) == shown(migration, COUNTED)
    migration.execute("INSERT INTO reading VALUES ('2026-04-01 00:30+00', 3, 1), ('2026-04-01 01:00+00', 3, 1)")
    yield shown(migration)  # the bucket that is filled is not looked at again
    migration.run(lambda: op.set_materialized_only("hourly", True))
    yield shown(migration)
    migration.run(lambda: op.rename_continuous_aggregate("hourly", "by_hour"))
    migration.run(lambda: op.set_materialized_only("by_hour", False))
    yield shown(migration, "by_hour")


@apache
def test_it_answers_as_the_server_s_own_does(emulating: Any, community: Any) -> None:
    for step, (ours, theirs) in enumerate(zip(answers(emulating), answers(community), strict=True)):
        assert ours == theirs, step


@apache
def test_an_emulated_aggregate_that_is_read_otherwise_keeps_the_view_s_options(emulating: Any) -> None:
    emulating.run(created)
    emulating.execute("ALTER VIEW hourly SET (security_barrier = true)")
    emulating.run(lambda: op.set_materialized_only("hourly", True))
    assert (
        emulating.value("SELECT reloptions::text FROM pg_class WHERE oid = 'hourly'::regclass")
        == "{security_barrier=true}"
    )
