"""An index goes only where another one covers it, and comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from sqlalchemy.exc import DBAPIError

from tsmigrate.ops.redundant_index import DropRedundantIndex

revision, down_revision = "index", None


@pytest.fixture
def message(plain: Any) -> Any:
    plain.execute(
        "CREATE TABLE message (id int PRIMARY KEY, at timestamptz, name text, code text UNIQUE)",
        "CREATE INDEX covers ON message (at, lower(name), id)",
        "CREATE INDEX covers_down ON message (name DESC, id)",
        "INSERT INTO message SELECT n, now(), n, n FROM generate_series(1, 9) n",
    )
    return plain


def there_and_back(message: Any, index: str) -> None:
    message.there_and_back(
        lambda: op.drop_redundant_index("message", index), lambda: op.restore_redundant_index("message", index)
    )


@pytest.mark.parametrize(
    "definition",
    [
        "(at)",
        "(at, lower(name))",
        "(at, lower(name), id)",
        "(id) WITH (fillfactor = 50)",
        "(name DESC)",
        "(at) WHERE id > 3",
        "(at) INCLUDE (id)",
    ],
)
def test_a_covered_index_goes_and_comes_back_as_it_was(message: Any, definition: str) -> None:
    message.execute(f"CREATE INDEX \"the 'spare'\" ON message {definition}")
    there_and_back(message, "the 'spare'")


def test_what_hangs_on_it_comes_back_too(message: Any) -> None:
    message.execute(
        "CREATE INDEX spare ON message (at, lower(name))",
        "COMMENT ON INDEX spare IS '100% spare'",
        "ALTER INDEX spare ALTER COLUMN 2 SET STATISTICS 77",
        "ALTER TABLE message CLUSTER ON spare",
    )
    there_and_back(message, "spare")


@pytest.mark.parametrize(
    "definition",
    [
        "(name)",  # the other one is descending
        "(lower(name))",
        "(at DESC)",
        "(at, id)",
        "(at, lower(name), id, name)",
        'USING hash ("at")',
        'USING btree (name COLLATE "C")',
        "(name text_pattern_ops DESC)",
    ],
)
def test_an_index_that_no_other_begins_with_stays(message: Any, definition: str) -> None:
    message.execute(f"CREATE INDEX spare ON message {definition}")
    with pytest.raises(DBAPIError, match='no other index of "message" begins with the key of "spare"'):
        message.run(lambda: op.drop_redundant_index("message", "spare"))
    assert message.value("SELECT to_regclass('spare')::text") == "spare"


def test_an_index_that_covers_only_some_rows_does_not_count(message: Any) -> None:
    message.execute(
        "CREATE INDEX partial ON message (code, at) WHERE id > 3", "CREATE INDEX spare ON message (code, at)"
    )
    with pytest.raises(DBAPIError, match="no other index"):
        message.run(lambda: op.drop_redundant_index("message", "spare"))


@pytest.mark.parametrize("index", ["message_pkey", "message_code_key"])
def test_an_index_behind_a_constraint_stays(message: Any, index: str) -> None:
    message.execute("CREATE INDEX also ON message (id, code)", "CREATE INDEX too ON message (code, id)")
    with pytest.raises(DBAPIError, match="does more than find rows"):
        message.run(lambda: op.drop_redundant_index("message", index))


def test_the_index_of_a_partitioned_table_stays(plain: Any) -> None:
    plain.execute(
        "CREATE TABLE message (id int, at timestamptz) PARTITION BY RANGE (at)",
        "CREATE TABLE part PARTITION OF message DEFAULT",
        "CREATE INDEX spare ON message (at)",
        "CREATE INDEX covers ON message (at, id)",
    )
    with pytest.raises(DBAPIError, match="has an index of each partition under it, which would not come back"):
        plain.run(lambda: op.drop_redundant_index("message", "spare"))


def test_an_index_that_is_not_there_is_named(message: Any) -> None:
    with pytest.raises(DBAPIError, match='there is no index "nowhere" of "message"'):
        message.run(lambda: op.drop_redundant_index("message", "nowhere"))


def test_two_in_one_revision_are_remembered_apart(message: Any) -> None:
    message.execute("CREATE INDEX one ON message (at)", "CREATE INDEX two ON message (at, lower(name))")

    def up() -> None:
        op.drop_redundant_index("message", "one")
        op.drop_redundant_index("message", "two")

    def down() -> None:
        op.restore_redundant_index("message", "two")
        op.restore_redundant_index("message", "one")

    message.there_and_back(up, down)


def test_the_printed_sql_does_the_same(message: Any) -> None:
    message.execute("CREATE INDEX spare ON message (at)")
    before = message.snapshot()
    message.execute(message.sql(lambda: op.drop_redundant_index("message", "spare")))
    assert message.value("SELECT to_regclass('spare')") is None
    message.execute(message.sql(lambda: op.restore_redundant_index("message", "spare")))
    assert message.snapshot() == before


def test_the_reverse_of_the_reverse_is_the_operation() -> None:
    asked = DropRedundantIndex("t", "s", "i")
    assert asked.reverse().reverse() == asked
