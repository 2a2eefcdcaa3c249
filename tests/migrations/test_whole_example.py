"""The whole worked example: printed as SQL it does what Alembic does, and its rows come back from head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sample_rows

from support import Take
from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.checksum import Rows
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import Position, of_sequences
from tsmigrate.catalog.snapshot import difference
from tsmigrate.catalog.tables import user_tables
from tsmigrate.url import DatabaseUrl

if TYPE_CHECKING:
    from migrations.conftest import Switchboard


def test_printed_sql_of_all_revisions_does_in_psql_what_alembic_does(switchboard: Switchboard, take: Take) -> None:
    empty = take(switchboard.database)
    switchboard.upgrade("head")
    online = take(switchboard.database)
    switchboard.downgrade("base")
    assert difference(empty, take(switchboard.database)) == ""
    switchboard.psql("DROP TABLE alembic_version")  # Alembic leaves it, and its printed SQL makes it
    switchboard.psql(switchboard.upgrade_sql("head"))
    assert difference(online, take(switchboard.database)) == ""
    switchboard.psql(switchboard.downgrade_sql("head:base"))
    assert difference(empty, take(switchboard.database)) == ""


def contents(database: DatabaseUrl) -> tuple[dict[Relation, Rows], dict[Relation, Position]]:
    with connect.connection(database) as connection:
        tables = [table for table in user_tables(connection) if table.schema == "sms"]
        rows = {table: checksum.of_table(connection, table.name, table.schema) for table in tables}
        return rows, of_sequences(connection)


@pytest.mark.parametrize("messages", [0, 1, 2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_all_rows_come_back_from_head(switchboard: Switchboard, take: Take, messages: int) -> None:
    switchboard.upgrade("0001")
    with connect.connection(switchboard.database) as connection:
        sample_rows.load(connection, messages)
        connection.commit()
    schema, before = take(switchboard.database), contents(switchboard.database)
    assert before[0][Relation("sms", "outbound_messages")].count == messages
    switchboard.upgrade("head")
    switchboard.downgrade("0001")
    assert difference(schema, take(switchboard.database)) == ""
    assert contents(switchboard.database) == before
