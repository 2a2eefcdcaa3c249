"""A key is widened by the partition column, and narrow again exactly as it was."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import UsageError
from tsmigrate.ops.primary_key import NarrowPrimaryKey, WidenPrimaryKey
from tsmigrate.ops.unique_constraint import WidenUniqueConstraint

revision, down_revision = "keys", None


def widen() -> None:
    op.widen_primary_key("message", ["id", "at"])


def narrow() -> None:
    op.narrow_primary_key("message")


def widen_code() -> None:
    op.widen_unique_constraint("message", "the code's", ["code", "at"])


def narrow_code() -> None:
    op.narrow_unique_constraint("message", "the code's")


PRIMARY_KEY = (
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid = 'message'::regclass"
)


@pytest.fixture
def message(plain: Any) -> Any:
    plain.execute(
        'CREATE TABLE message (id int, at timestamptz, code text, "Odd \'n" int DEFAULT 1)',
        'ALTER TABLE message ADD CONSTRAINT "message\'s key" PRIMARY KEY (id) WITH (fillfactor = 70)',
        'ALTER TABLE message ADD CONSTRAINT "the code\'s" UNIQUE (code) DEFERRABLE INITIALLY DEFERRED',
        "COMMENT ON CONSTRAINT \"message's key\" ON message IS 'of 100%'",
        "COMMENT ON INDEX \"message's key\" IS 'an index'",
        'ALTER TABLE message CLUSTER ON "message\'s key"',
        'ALTER TABLE message REPLICA IDENTITY USING INDEX "message\'s key"',
        "INSERT INTO message SELECT n, now(), n FROM generate_series(1, 9) n",
    )
    return plain


def test_a_primary_key_is_wider_and_then_exactly_as_before(message: Any) -> None:
    message.there_and_back(
        widen, narrow, meanwhile=lambda: message.execute("INSERT INTO message VALUES (10, now(), 'x')")
    )
    message.run(widen)
    assert message.value(PRIMARY_KEY) == "PRIMARY KEY (id, at)"


def test_a_unique_constraint_is_wider_and_then_exactly_as_before(message: Any) -> None:
    message.execute("INSERT INTO message (id, at) VALUES (20, now()), (21, now())")  # two codes that are NULL
    message.there_and_back(widen_code, narrow_code)


def test_a_column_that_was_nullable_is_nullable_again(message: Any) -> None:
    nullable = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'message'::regclass AND attname = 'at'"
    message.run(widen)
    assert message.value(nullable) is True
    message.run(narrow)
    assert message.value(nullable) is False


def test_an_index_built_beforehand_becomes_the_key_and_is_there_again_afterwards(message: Any) -> None:
    message.execute("CREATE UNIQUE INDEX ready ON message (id, at)")
    message.there_and_back(
        lambda: op.widen_primary_key("message", ["id", "at"], using_concurrent_index="ready"), narrow
    )


@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX ready ON message (id, at)",
        "CREATE UNIQUE INDEX ready ON message (at, id)",
        "CREATE UNIQUE INDEX ready ON message (id, at) WHERE id > 0",
        "CREATE UNIQUE INDEX ready ON message (id) INCLUDE (at)",
        "SELECT 1",
    ],
)
def test_an_index_that_does_not_fit_is_refused(message: Any, index: str) -> None:
    message.execute(index)
    with pytest.raises(DBAPIError, match="no valid unique index ready on exactly"):
        message.run(lambda: op.widen_primary_key("message", ["id", "at"], using_concurrent_index="ready"))


def test_duplicates_written_since_stop_the_way_back_with_their_number(message: Any) -> None:
    message.run(widen)
    message.execute("INSERT INTO message SELECT 1, now() + n * interval '1 day', 'd' || n FROM generate_series(1, 3) n")
    with pytest.raises(DBAPIError, match=r"1 values of \(id\) occur more than once"):
        message.run(narrow)
    assert message.value(PRIMARY_KEY) == "PRIMARY KEY (id, at)"


def test_rows_without_a_value_stop_the_widening_with_their_number(message: Any) -> None:
    message.execute("UPDATE message SET at = NULL WHERE id < 4")
    with pytest.raises(DBAPIError, match=r"3 rows of .* have no value in at"):
        message.run(widen)


def test_a_foreign_key_that_points_at_the_key_is_named(message: Any) -> None:
    message.execute("CREATE TABLE child (m int CONSTRAINT to_message REFERENCES message)")
    with pytest.raises(DBAPIError, match="to_message of child") as refused:
        message.run(widen)
    assert "op.drop_foreign_key_to" in str(refused.value.orig)


def test_a_view_that_groups_by_the_key_is_named(message: Any) -> None:
    message.execute("CREATE VIEW grouped AS SELECT id, code FROM message GROUP BY id")
    with pytest.raises(DBAPIError, match="view grouped depends on"):
        message.run(widen)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [(["id"], "do not add to it"), (["at"], "do not add to it"), (["id", "nowhere"], "has no column nowhere")],
)
def test_columns_that_do_not_widen_are_refused(message: Any, columns: list[str], complaint: str) -> None:
    with pytest.raises(DBAPIError, match=complaint):
        message.run(lambda: op.widen_primary_key("message", columns))


def test_a_key_that_is_not_there_is_refused(message: Any) -> None:
    message.execute("CREATE TABLE keyless (id int)")
    with pytest.raises(DBAPIError, match="there is no primary key of"):
        message.run(lambda: op.widen_primary_key("keyless", ["id"]))
    with pytest.raises(DBAPIError, match='there is no unique constraint "nowhere" of'):
        message.run(lambda: op.widen_unique_constraint("message", "nowhere", ["id"]))


def test_the_printed_sql_does_the_same(message: Any) -> None:
    before = message.snapshot()
    message.execute(message.sql(widen))
    message.execute(message.sql(narrow))
    assert message.snapshot() == before


def test_the_reverse_of_the_reverse_is_the_operation() -> None:
    for asked in (WidenPrimaryKey("t", "s", ("a", "b")), WidenUniqueConstraint("t", None, "u", ("a", "b"), "ready")):
        assert asked.reverse().reverse() == asked
    with pytest.raises(UsageError, match="columns"):
        NarrowPrimaryKey("t", None).reverse()


def test_the_key_of_a_partitioned_table_is_refused(plain: Any) -> None:
    plain.execute(
        "CREATE TABLE message (id int PRIMARY KEY, at timestamptz) PARTITION BY HASH (id)",
        "CREATE TABLE part PARTITION OF message FOR VALUES WITH (modulus 1, remainder 0)",
    )
    with pytest.raises(DBAPIError, match="has a key of each partition under it, which would not come back"):
        plain.run(widen)
