"""A plan is written to be edited, and read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsmigrate.advise.plan.plan import Columnstore, CopiedTime, Fate, Method, UniqueFate
from tsmigrate.advise.plan.read import read
from tsmigrate.catalog.relation import Relation
from tsmigrate.errors import UsageError

GOOD = """
version = 1

[[table]]
schema = "sms"
name = "reading \\"of\\" a day"
column = "at"
copied_from = { schema = "sms", table = "device", column = "at", references = { device = "id" }, orphans = "now()" }
interval = "1 day"
method = "attach"
primary_key = ["id", "at"]
unique = { reading_token = "drop", "odd key" = "widen" }
drop_indexes = ["old"]
columnstore = { segmentby = ["device"], orderby = ["at DESC"], after = "7 days" }
retention = "3 months"

[[foreign_key]]
name = "of_reading"
schema = "sms"
table = "report"
fate = "widen"
column = "reading_at"

[[aggregate]]
schema = "sms"
name = "daily"
query = "SELECT 1"
refresh = { start = "3 days", every = "1 hour" }
"""


def said(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read(file)
    assert all(line.startswith(f"{file}") for line in caught.value.message.splitlines())
    return caught.value.message.replace(f"{file}: ", "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plan.toml"


def test_every_key_is_read(file: Path) -> None:
    file.write_text(GOOD)
    plan = read(file)
    [table] = plan.tables
    assert table.relation == Relation("sms", 'reading "of" a day')
    assert (table.column, table.interval, table.method) == ("at", "1 day", Method.ATTACH)
    assert table.copied == CopiedTime(Relation("sms", "device"), "at", {"device": "id"}, "now()")
    assert table.unique == {"reading_token": UniqueFate.DROP, "odd key": UniqueFate.WIDEN}
    assert table.columnstore == Columnstore(("device",), ("at DESC",), "7 days")
    assert (table.primary_key, table.drop_indexes, table.retention) == (("id", "at"), ("old",), "3 months")
    [key] = plan.foreign_keys
    assert (key.table, key.fate, key.column) == (Relation("sms", "report"), Fate.WIDEN, "reading_at")
    [aggregate] = plan.aggregates
    assert aggregate.refresh is not None
    assert (aggregate.refresh.start, aggregate.refresh.end, aggregate.refresh.every) == ("3 days", None, "1 hour")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('interval = "1 day"', 'intervall = "1 day"', "unknown key intervall; is interval meant?"),
        ('interval = "1 day"', "", "interval is missing: give an interval"),
        ('interval = "1 day"', "interval = true", "interval is true or false: give an interval"),
        ('interval = "1 day"', "interval = 0", "interval is a whole number: give an interval"),
        ('column = "at"\n', "column = 7\n", "column is a whole number, not a text"),
        ('column = "at"\n', 'column = ""\n', "column is empty, not a text"),
        ('method = "attach"', 'method = "move"', "method is 'move': it is one of copy, attach"),
        ('["id", "at"]', '"id"', "primary_key is a text, not a list of texts"),
        (
            'reading_token = "drop"',
            'reading_token = "keep"',
            "unique.reading_token is 'keep': it is one of widen, drop",
        ),
        ('fate = "widen"', 'fate = "lose"', "fate is 'lose': it is one of keep, widen, drop"),
        ('column = "reading_at"', "", "column is missing: the table gets a copy"),
        ("version = 1", "version = 2", "version is 2, and this tsmigrate knows 1"),
        ("version = 1", "", "version is missing"),
        ("version = 1", "version = 1\n[[tables]]", "unknown key tables; is table meant?"),
        ("[[aggregate]]", "[aggregate]", "aggregate is written [[aggregate]]"),
        ('after = "7 days"', 'after = ["7 days"]', "after is a list: give an interval"),
        (', every = "1 hour"', "", "every is missing"),
    ],
)
def test_what_is_not_understood_is_said_with_its_place(file: Path, old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) == 1
    assert expected in said(file, GOOD.replace(old, new))


def test_all_mistakes_are_said_at_once(file: Path) -> None:
    told = said(file, 'versoin = 1\n[[table]]\nname = "reading"\ncolum = "at"\n')
    assert [each.partition(": ")[2] or each for each in told.splitlines()]
    for expected in (
        "version is missing",
        "unknown key versoin",
        "schema is missing",
        "unknown key colum",
        "column is",
    ):
        assert expected in told


def test_a_table_that_stands_there_twice_is_refused(file: Path) -> None:
    table = '[[table]]\nschema = "a"\nname = "b"\ncolumn = "c"\ninterval = "1 day"\n'
    assert "table a.b stands there twice" in said(file, f"version = 1\n{table}{table}")


def test_a_file_that_is_no_plan_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(file)
    file.write_text("version = \n")
    with pytest.raises(UsageError, match=r"is no TOML: .*line 1"):
        read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read(file)
