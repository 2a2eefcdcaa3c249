"""A natively partitioned table becomes a hypertable, and comes back with its partitions, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convert_support import Session, assert_same, attach, block, plain, rows_and_sequences
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation

community = pytest.mark.edition(Edition.COMMUNITY)
NASTY = (Path(__file__).parent / "partitioned.sql").read_text()
TABLE = Relation('o"dd', "the 'readings'")
WAYS: dict[str, Callable[..., str]] = {"copy": block, "auto": lambda *a, **k: attach(*a, or_copied=True, **k)}


def objects_of(session: Session, table: Relation) -> Any:
    """What its partitions are to the server: the same objects."""
    return session.rows(f"SELECT relid FROM pg_partition_tree($x${table}$x$) ORDER BY relid")


@pytest.mark.parametrize("ordinary", [False, True], ids=["superuser", "ordinary owner"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [0, 1000])
def test_the_nasty_partitioned_table_comes_back_byte_for_byte(  # noqa: PLR0917 - fixtures
    session: Session,
    owner: Session,
    reader: str,
    psql: Callable[..., Any],
    take: Any,
    count: int,
    way: str,
    ordinary: bool,
) -> None:
    role = owner if ordinary else session
    done = psql(f"SET SESSION AUTHORIZATION {owner.role};\n{NASTY}" if ordinary else NASTY, count=count)
    assert done.returncode == 0, done.stderr
    before, objects_before = take(), objects_of(session, TABLE)
    for year in (2026, 2028):
        rows = rows_and_sequences(session, TABLE)[0]
        role.run(WAYS[way](TABLE, interval="60 days"))
        assert rows_and_sequences(session, TABLE)[0] == rows
        session.run(
            f"INSERT INTO {TABLE} (ts, amount) SELECT '{year}-01-03'::timestamptz + n * interval '9 days', n "
            "FROM generate_series(1, 20) n",
            f"UPDATE {TABLE} SET amount = 0.25 WHERE id = 3",
            f"DELETE FROM {TABLE} WHERE id = 1",
            """REFRESH MATERIALIZED VIEW "o""dd".kept""",
        )
        rows = rows_and_sequences(session, TABLE)[0]
        role.run(plain(TABLE))
        assert_same(before, take())
        assert rows_and_sequences(session, TABLE)[0] == rows
        assert objects_of(session, TABLE) == objects_before
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate%'") == 0
