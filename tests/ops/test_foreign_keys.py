"""Foreign keys to a table go and come back as they were."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from sqlalchemy.exc import DBAPIError

revision, down_revision = "foreign keys", None

INBOUND = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'parent'::regclass"


def up() -> None:
    op.drop_foreign_key_to("parent", schema="public")


def down() -> None:
    op.restore_foreign_keys_to("parent", schema="public")


@pytest.fixture
def family(plain: Any) -> Any:
    """Every kind of foreign key that can point at a table."""
    plain.execute(
        "CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE, up int REFERENCES parent)",
        'CREATE SCHEMA "Other Schema"',
        'CREATE TABLE "Other Schema"."Child \'x\'" (p int, c text, q int)',
        """ALTER TABLE "Other Schema"."Child 'x'"
             ADD CONSTRAINT "the ""id"" one" FOREIGN KEY (p) REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL,
             ADD CONSTRAINT by_code FOREIGN KEY (c) REFERENCES parent (code) DEFERRABLE INITIALLY DEFERRED,
             ADD CONSTRAINT unchecked FOREIGN KEY (q) REFERENCES parent NOT VALID""",
        """COMMENT ON CONSTRAINT by_code ON "Other Schema"."Child 'x'" IS 'it''s a comment'""",
        "CREATE TABLE parts (p int REFERENCES parent) PARTITION BY RANGE (p)",
        "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)",
        "INSERT INTO parent VALUES (1, 'a', NULL), (2, 'b', 1)",
        "INSERT INTO \"Other Schema\".\"Child 'x'\" VALUES (1, 'a', 2)",
    )
    return plain


def test_all_of_them_go_and_come_back_as_they_were(family: Any) -> None:
    family.there_and_back(up, down)
    family.run(up)
    assert family.value(INBOUND) == 0


def test_rows_written_since_that_have_no_parent_stop_the_downgrade(family: Any) -> None:
    family.run(up)
    family.execute("INSERT INTO parts VALUES (7)")
    with pytest.raises(DBAPIError, match=r"public\.parts has rows written since that point to no row of"):
        family.run(down)
    assert family.value(INBOUND) == 0
    family.execute("DELETE FROM parts")
    family.run(down)
    assert family.value("SELECT to_regnamespace('tsmigrate')") is None


def test_a_table_that_nothing_points_at_is_refused(plain: Any) -> None:
    plain.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    with pytest.raises(DBAPIError, match="no foreign key points at"):
        plain.run(up)


def test_the_printed_sql_does_the_same(family: Any) -> None:
    before = family.snapshot()
    family.execute(family.sql(up))
    assert family.value(INBOUND) == 0
    family.execute(family.sql(down))
    assert family.snapshot() == before
