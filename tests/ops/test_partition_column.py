"""A child gets its parent's time, without its triggers noticing, and loses it again without a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import UsageError
from tsmigrate.ops.partition_column import AddPartitionColumn, DropPartitionColumn

revision, down_revision = "column", None

CHILD = 'Child\'s "table" of ' + "x" * 44


def add(**options: Any) -> Callable[[], None]:
    given = {"parent": "message", "parent_column": "at", "references": {"message": "id"}, "schema": "s", **options}
    return lambda: op.add_partition_column(CHILD, "message's at", **given)


def drop(**options: Any) -> Callable[[], None]:
    return lambda: op.drop_partition_column(CHILD, "message's at", schema="s", **options)


QUOTED = 's."' + CHILD.replace('"', '""') + '"'
UNLIKE_PARENT = f'SELECT count(*) FROM {QUOTED} c JOIN s.message m ON m.id = c.message WHERE c."message\'s at" <> m.at'


@pytest.fixture
def family(plain: Any) -> Any:
    plain.execute(
        "CREATE SCHEMA s",
        "CREATE TABLE s.message (id int PRIMARY KEY, at timestamp(3) with time zone, other int)",
        f"CREATE TABLE {QUOTED} (id int, message int, touched int DEFAULT 0)",
        "CREATE FUNCTION s.touch() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END'",
        *(
            f'CREATE TRIGGER "{name}\'s" BEFORE UPDATE ON {QUOTED} FOR EACH ROW EXECUTE FUNCTION s.touch()'
            for name in ("origin", "always", "replica", "disabled")
        ),
        f'ALTER TABLE {QUOTED} ENABLE ALWAYS TRIGGER "always\'s"',
        f'ALTER TABLE {QUOTED} ENABLE REPLICA TRIGGER "replica\'s"',
        f'ALTER TABLE {QUOTED} DISABLE TRIGGER "disabled\'s"',
        "INSERT INTO s.message SELECT n, timestamptz '2026-01-01' + n * interval '1 h' FROM generate_series(1, 50) n",
        f"INSERT INTO {QUOTED} (id, message) SELECT n, n FROM generate_series(1, 50) n",
    )
    return plain


def test_every_row_gets_its_parents_time_and_the_way_back_leaves_no_trace(family: Any) -> None:
    family.there_and_back(add(), drop())
    family.run(add())
    assert family.value(UNLIKE_PARENT) == 0
    assert family.value(f'SELECT count("message\'s at") FROM {QUOTED}') == 50


def test_the_tables_own_triggers_do_not_see_the_filling(family: Any) -> None:
    family.run(add())
    assert family.value(f"SELECT sum(touched) FROM {QUOTED}") == 0


def test_rows_without_a_parent_are_refused_with_their_number(family: Any) -> None:
    family.execute(f"INSERT INTO {QUOTED} VALUES (51, 99), (52, NULL)")
    before = family.snapshot()
    with pytest.raises(DBAPIError, match=r"2 rows of .* have no parent") as refused:
        family.run(add())
    assert "orphans=" in str(refused.value.orig)
    assert family.snapshot() == before


def test_rows_without_a_parent_get_what_the_revision_says(family: Any) -> None:
    family.execute(f"INSERT INTO {QUOTED} VALUES (51, 99), (52, NULL)")
    family.run(add(orphans="timestamptz '2000-01-01 00:00+00' + id * interval '1 day'"))
    late = f"SELECT count(*) FROM {QUOTED} WHERE \"message's at\" < '2001-01-01'"
    assert family.value(late) == 2


def test_inserts_that_do_not_name_the_column_are_filled_until_they_do(family: Any) -> None:
    family.there_and_back(
        add(fill_inserts=True),
        drop(fill_inserts=True),
        meanwhile=lambda: check_inserts(family),
    )


def check_inserts(family: Any) -> None:
    """Also for a role whose search path leads elsewhere."""
    family.execute(
        "CREATE SCHEMA IF NOT EXISTS elsewhere",
        f"SET search_path = elsewhere; INSERT INTO {QUOTED} (id, message) VALUES (60, 7)",
        f"INSERT INTO {QUOTED} (id, message, \"message's at\") VALUES (61, 7, '1999-01-01')",
        "DROP SCHEMA elsewhere",
    )
    assert family.value(UNLIKE_PARENT) == 1  # the one that named it
    with pytest.raises(DBAPIError, match="null value"):
        family.execute(f"INSERT INTO {QUOTED} (id, message) VALUES (62, 999)")
    family.execute(f"DELETE FROM {QUOTED} WHERE id >= 60")


def test_a_parent_that_could_be_several_is_refused(family: Any) -> None:
    family.execute("CREATE INDEX ON s.message (other)", "CREATE UNIQUE INDEX ON s.message (other) WHERE other > 0")
    with pytest.raises(DBAPIError, match=r'\(other\) is not unique in "s"\."message"'):
        family.run(add(references={"message": "other"}))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"parent": "nowhere"}, r'there is no table "s"\."nowhere"'),
        ({"parent_column": "nothing"}, 'has no column "nothing"'),
    ],
)
def test_a_parent_or_column_that_is_not_there_is_named(family: Any, options: dict[str, str], complaint: str) -> None:
    with pytest.raises(DBAPIError, match=complaint):
        family.run(add(**options))


def test_no_references_is_wrong_use(family: Any) -> None:
    with pytest.raises(UsageError, match="does not say how its rows lead to"):
        family.run(add(references={}))


def test_rows_that_a_policy_hides_are_an_error_not_a_gap(family: Any) -> None:
    family.execute(
        "CREATE ROLE column_owner",
        f"ALTER TABLE {QUOTED} OWNER TO column_owner",
        "GRANT ALL ON SCHEMA s TO column_owner",
        "GRANT ALL ON s.message TO column_owner",
        f"ALTER TABLE {QUOTED} FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {QUOTED} ENABLE ROW LEVEL SECURITY",
    )
    try:
        with pytest.raises(DBAPIError, match="row-level security"):
            family.run(lambda: (op.execute("SET LOCAL ROLE column_owner"), add()()))
    finally:
        family.execute(
            "REASSIGN OWNED BY column_owner TO CURRENT_USER", "DROP OWNED BY column_owner", "DROP ROLE column_owner"
        )


def test_the_printed_sql_does_the_same(family: Any) -> None:
    before = family.snapshot()
    family.execute(family.sql(add(fill_inserts=True)))
    assert family.value(UNLIKE_PARENT) == 0
    family.execute(family.sql(drop(fill_inserts=True)))
    assert family.snapshot() == before


def test_it_can_be_written_and_reversed() -> None:
    asked = AddPartitionColumn("child", "s", "at", "message", "at", {"m": "id"}, "s")
    assert asked.reverse().reverse() == asked
    assert (
        'op.add_partition_column(\n        "child", "at", parent="message", parent_column="at", '
        'references={"m": "id"}, parent_schema="s", schema="s"\n    )'
    ) in render_python_code(UpgradeOps([asked]))
    assert 'op.drop_partition_column("child", "at", schema="s")' in render_python_code(UpgradeOps([asked.reverse()]))
    with pytest.raises(UsageError, match="does not know what the column copied"):
        DropPartitionColumn("child", None, "at").reverse()
