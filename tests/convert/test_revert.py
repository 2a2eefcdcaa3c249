"""What a conversion changed comes back byte for byte, with the rows of today; or the reason is said, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convert_support import Session, block, plain
from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import of_sequences
from tsmigrate.catalog.snapshot import Snapshot, difference

NASTY = (Path(__file__).parent / "nasty.sql").read_text()
TABLE = Relation('o"dd', 'Nasty "table" of 63 bytes: ' + "é" * 17 + "'s")
Take = Callable[[], Snapshot]


def rows_and_sequences(session: Session, table: Relation) -> Any:
    with connect.connection(session.database) as connection:
        return checksum.of_table(connection, table.name, table.schema), of_sequences(connection)


@pytest.fixture
def reader(session: Session) -> str:
    session.run(
        "DO $$ BEGIN IF to_regrole('tsmigrate_reader') IS NULL THEN CREATE ROLE tsmigrate_reader; END IF; END $$"
    )
    return "tsmigrate_reader"


@pytest.mark.parametrize("ordinary", [False, True], ids=["superuser", "ordinary owner"])
@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_the_nasty_table_comes_back_byte_for_byte_with_its_rows(
    session: Session, owner: Session, reader: str, psql: Callable[..., Any], take: Take, count: int, ordinary: bool
) -> None:
    role = owner if ordinary else session
    done = psql(f"SET SESSION AUTHORIZATION {owner.role};\n{NASTY}" if ordinary else NASTY, count=count)
    assert done.returncode == 0, done.stderr
    before = take()
    role.run(block(TABLE))
    columns = '(ts, mood, amount, "' + "é" * 31 + '")'
    role.run(
        f"INSERT INTO {TABLE} {columns} SELECT '2027-01-01'::timestamptz + n * interval '1 day', 'it''s; fine', n, "
        "'{calm}' FROM generate_series(1, 20) n",
        f"UPDATE {TABLE} SET amount = 0.25 WHERE id = 3",
        f"DELETE FROM {TABLE} WHERE id = 1",
        """REFRESH MATERIALIZED VIEW "o""dd".kept""",
    ) if not ordinary else session.run(
        f"INSERT INTO {TABLE} {columns} SELECT '2027-01-01'::timestamptz + n * interval '1 day', 'calm', n, "
        "'{calm}' FROM generate_series(1, 20) n"
    )
    rows = rows_and_sequences(session, TABLE)
    assert rows[0].count > count
    role.run(plain(TABLE))
    assert difference(before, take()) == ""
    assert take() == before
    assert rows_and_sequences(session, TABLE) == rows
    assert session.value("SELECT to_regnamespace('tsmigrate')") is None
    # And once more, with what the first round left.
    role.run(block(TABLE))
    role.run(plain(TABLE))
    assert difference(before, take()) == ""
    assert rows_and_sequences(session, TABLE) == rows
