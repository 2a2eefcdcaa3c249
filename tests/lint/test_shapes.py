"""What was judged is not judged again, and nothing is told otherwise for that."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tsmigrate.lint import truth
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.shapes import Shapes, kin, shape
from tsmigrate.lint.snippet import Snippet, each
from tsmigrate.lint.sql import native
from tsmigrate.lint.target import KNOWN, Target

CASES = [truth.filled(case.judged, datetime(2026, 1, 1, tzinfo=UTC)) for case in truth.cases()]


def told(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    judging = engine.file("q.sql", sql.encode())
    judging.judge(Snippet(sql.encode(), holes=True))
    return [
        (one.rule, one.line, one.column, one.end_column, one.message, one.hint, one.table, one.fingerprint)
        for one in each(judging.found.violations)
    ]


def renamed(sql: str) -> str:
    """Other names for what no index and no rule knows."""
    return re.sub(r"(?<![\w:'])(note|x|y|a|b|o|d|s|q|w|sub|recent|cnt|n)\b(?!')", r"zz_\1", sql)


@pytest.mark.parametrize("target", KNOWN, ids=str)
def test_remembering_changes_nothing_that_is_told(known: Known, target: Target) -> None:
    remembering, forgetful = Engine(known, target), Engine(known, target)
    for sql in (*CASES, *(renamed(sql) for sql in CASES), *CASES):
        forgetful.shapes = Shapes()
        assert told(remembering, sql) == told(forgetful, sql), sql


TELLING_KIN = [
    ("SELECT mm.memo FROM ht mm WHERE mm.memo = 1000", "SELECT zz.body FROM ht zz WHERE zz.body = 99999999"),
    ("SELECT mm.memo FROM ht mm WHERE mm.memo = 'a'", "SELECT kin_0_.xx FROM ht kin_0_ WHERE kin_0_.xx = 'kin_1_'"),
    ("UPDATE ht aa SET bb = 1000 WHERE id = %s AND cc = 2000", "UPDATE ht m SET bbb = 7777 WHERE id = %s AND c1 = 777"),
    ("SELECT * FROM ht aa LEFT JOIN dim bb ON aa.x1 = bb.y1", "SELECT * FROM ht cc LEFT JOIN dim dd ON cc.ee = dd.ff"),
    (
        "SELECT 1 FROM ht aa JOIN ht2 bb USING (id) WHERE c1 = 'y'",
        "SELECT 1 FROM ht d1 JOIN ht2 e1 USING (id) WHERE z1 = ''",
    ),
    (
        "SELECT * FROM ht aa WHERE aa.time::date = '2026-01-01'",
        "SELECT * FROM ht bb WHERE bb.time::date = '2026-01-01'",
    ),
]


@pytest.mark.parametrize(("one", "other"), TELLING_KIN)
def test_kin_are_told_in_their_own_names(one: str, other: str, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, expected = Engine(known, KNOWN[0]), told(Engine(known, KNOWN[0]), other)
    assert told(engine, one)
    monkeypatch.setattr(native, "parse", lambda text: pytest.fail(text.decode()))
    assert told(engine, other) == expected


@pytest.mark.parametrize("name", ['"Über"', "über", "a" * 70, "Mixed"])
def test_a_name_that_is_written_otherwise_than_it_is_told(name: str, known: Known) -> None:
    engine = Engine(known, KNOWN[0])
    told(engine, "SELECT a.x FROM ht a WHERE a.x = 1")
    sql = f"SELECT {name}.x FROM ht {name} WHERE {name}.x = 1"
    assert told(engine, sql) == told(Engine(known, KNOWN[0]), sql) != []


KIN = [
    ("SELECT a.x FROM t a WHERE a.x = 1234", "SELECT b.y FROM t b WHERE b.y = 77777"),
    ("SELECT x AS y FROM t WHERE id = %s", "SELECT y AS x FROM t WHERE id = %s"),
    ("WITH r AS (SELECT f(x) FROM t) SELECT * FROM r", "WITH q AS (SELECT g(y) FROM t) SELECT * FROM q"),
]
NO_KIN = [
    ("SELECT a.x FROM t a", "SELECT a.id FROM t a"),
    ("SELECT x, y FROM t WHERE x = y", "SELECT x, y FROM t WHERE x = x"),
    ("SELECT max(x) FROM t", "SELECT f(x) FROM t"),
    ("SELECT x FROM t LIMIT 10", "SELECT x FROM t OFFSET 10"),
    ("SELECT x FROM t WHERE y = 'a'::date", "SELECT x FROM t WHERE y = 'a'::text"),
    ("SELECT x FROM t WHERE y = date 'a'", "SELECT x FROM t WHERE y = inet 'a'"),
    ("SELECT x FROM t WHERE y = %(x)s", "SELECT x FROM t WHERE y = %(x)q"),
    ("SELECT x FROM t WHERE {y}", "SELECT x FROM t WHERE {z}"),
    ("SELECT f FROM (SELECT f(x) FROM t) s", "SELECT g FROM (SELECT f(x) FROM t) s"),
]


@pytest.mark.parametrize(("one", "other"), KIN)
def test_names_without_a_meaning_make_no_difference(one: str, other: str) -> None:
    assert alike(one) == alike(other)


@pytest.mark.parametrize(("one", "other"), NO_KIN)
def test_what_means_something_does(one: str, other: str) -> None:
    assert alike(one) != alike(other)


def alike(sql: str) -> tuple[object, ...]:
    found = shape(sql.encode())
    assert found is not None
    return kin(found, native.keywords() | {b"t", b"id", b"max", b"date", b"text"}).key


def test_the_grammars_words_are_known() -> None:
    assert {b"select", b"lateral", b"materialized", b"within", b"zone"} <= native.keywords()
    assert len(native.keywords()) > 400
