"""Hypertables that models declare by tsmigrate.schema: known from the source, without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import Run
from tsmigrate.lint.learn.learn import learn
from tsmigrate.lint.settings import LintSettings

BEFORE = """
from tsmigrate.schema import Columnstore, ContinuousAggregate, Hypertable, Retention, timescale

metadata = MetaData(schema="sms")
DAY = "1 day"
AT = "at"
KEPT = Retention("3 months")
BY_DAY = Hypertable(AT, DAY)
raise SystemExit("was run")

def kept(hypertable):
    return timescale(hypertable, KEPT)
"""
DECLARED = {
    "a table": (
        't = Table("t", metadata, Column("at", DateTime(timezone=True)), info=timescale(Hypertable("at", DAY)))',
        ("sms.t", "at", "timestamptz", ()),
    ),
    "with an annotation, of no MetaData's schema": (
        't: Table = Table("t", other, Column("at", Date), info={**timescale(BY_DAY), "mine": 1})',
        ("public.t", "at", "date", ()),
    ),
    "a class": (
        'class T(Base):\n    __tablename__ = "t"\n    at = mapped_column(BigInteger)\n'
        '    __table_args__ = {"schema": "s", "info": timescale(Hypertable("at", 100, integer_now="now_of_it"))}',
        ("s.t", "at", "int8", ()),
    ),
    "a class with keys, and the type from its annotation": (
        'class T(Base):\n    __tablename__ = "t"\n    at: Mapped[datetime]\n'
        '    __table_args__ = (Index("i", "x"), {"info": kept(BY_DAY)})',
        ("public.t", "at", "timestamp", ()),
    ),
    "a hash dimension": (
        't = Table("t", metadata, schema="x", info=timescale(Hypertable("at", DAY, ("device", 4)), Columnstore()))',
        ("x.t", "at", "timestamptz", ("device",)),
    ),
    "an aggregate by expression": (
        'ContinuousAggregate("c", select(func.time_bucket("1 hour", t.c.at).label("hour")).group_by("hour"), metadata)',
        ("sms.c", "hour", "timestamptz", ()),
    ),
    "an aggregate by text": (
        "QUERY = \"SELECT time_bucket('1 day', at) AS day, count(*) FROM t GROUP BY 1;\"\n"
        'daily = ContinuousAggregate(name="c", query=QUERY, metadata=metadata, schema="s")',
        ("s.c", "day", "timestamptz", ()),
    ),
}


@pytest.mark.parametrize(("code", "expected"), DECLARED.values(), ids=DECLARED)
def test_a_declaration_is_read(code: str, expected: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(BEFORE + code)
    known = learn(LintSettings(), [tmp_path / "models.py"], tmp_path)
    assert [(str(name), one.column, one.type, one.dimensions) for name, one in known.hypertables.items()] == [expected]


def test_the_now_function_is_known(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(BEFORE + DECLARED["a class"][0])
    [found] = learn(LintSettings(), [tmp_path / "models.py"], tmp_path).hypertables.values()
    assert (found.now_function, found.source) == ("now_of_it", str(tmp_path / "models.py"))


@pytest.mark.parametrize(
    "code", ["Hypertable(", "t = Table(name, info=timescale(Hypertable(column)))", "x = Hypertable(AT)"]
)
def test_what_cannot_be_told_is_passed_over(code: str, tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(BEFORE + code)
    assert not learn(LintSettings(), [tmp_path / "models.py"], tmp_path).hypertables


def test_another_source_stands(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(BEFORE + DECLARED["a table"][0])
    (tmp_path / "a.sql").write_text("CREATE TABLE sms.t (at date, x date); SELECT create_hypertable('sms.t', 'x');")
    known = learn(LintSettings(), sorted(tmp_path.iterdir()), tmp_path)
    assert [one.column for one in known.hypertables.values()] == ["x"]


def test_a_project_that_declares_in_its_models_needs_nothing_else(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "models.py").write_text(BEFORE + DECLARED["a table"][0])
    (tmp_path / "code.py").write_text('connection.execute(text("SELECT * FROM sms.t WHERE id = :id"))\n')
    assert "sms.t  at timestamptz  from models.py" in tsmigrate("lint-queries", ".", "--show-hypertables").stdout
    assert tsmigrate("lint-queries", ".").returncode == 1
