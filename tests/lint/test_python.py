"""SQL in Python: which strings are read, and where in the file a violation points."""

from __future__ import annotations

import textwrap

import pytest

from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.snippet import each
from tsmigrate.lint.sources.python_file import python_file
from tsmigrate.lint.target import DEFAULT
from tsmigrate.lint.violation import Violation


def lint(known: Known, code: str) -> list[Violation]:
    content = textwrap.dedent(code).encode()
    engine = Engine(known, DEFAULT)
    judging = engine.file("code.py", content)
    for snippet in python_file(content, engine.names):
        judging.judge(snippet)
    return list(each(judging.found.violations))


FOUND = {
    "a literal": 'cursor.execute("SELECT * FROM ht WHERE id = %s", [1])',
    "side by side": 'cursor.execute("SELECT * "\n    "FROM ht "  # why\n    "WHERE id = %(id)s", {})',
    "triple quotes": 'run("""\n    SELECT *\n    FROM ht\n    WHERE id = :id\n""")',
    "an f-string": 'cursor.execute(f"SELECT * FROM ht WHERE id = {number}")',
    "a constant in an f-string": 'TABLE = "ht"\ncursor.execute(f"SELECT * FROM {TABLE} WHERE id = 1")',
    "a sum": 'cursor.execute("SELECT * FROM ht WHERE id = " + str(number) + " AND v > 1")',
    "percent": 'cursor.execute("SELECT * FROM ht WHERE id = %d" % number)',
    "format": 'cursor.execute("SELECT {} FROM ht WHERE id = {}".format(a, b))',
    "psycopg's SQL": 'cursor.execute(sql.SQL("SELECT {} FROM ht WHERE id = %s").format(sql.Identifier("v")))',
    "escapes": 'cursor.execute("SELECT \\"v\\"\\n FROM ht WHERE id = %s")',
    "asyncpg": 'await connection.fetch("SELECT * FROM ht WHERE id = $1", 1)',
    "no call at all": 'QUERY = "SELECT * FROM ht WHERE id = %s"',
    "raw": "cursor.execute(r\"SELECT * FROM ht WHERE id ~ '\\d'\")",
}


@pytest.mark.parametrize("code", FOUND.values(), ids=FOUND)
def test_a_query_in_a_string_is_judged_and_pointed_at(code: str, known: Known) -> None:
    [found] = lint(known, code)
    assert (found.rule, found.table) == ("TSQ101", "public.ht")
    line = textwrap.dedent(code).splitlines()[found.line - 1]
    if "{TABLE}" not in line:
        assert line[found.column - 1 :].startswith("ht")


SILENT = {
    "a docstring": 'def f():\n    """SELECT * FROM ht WHERE id = 1"""',
    "prose": 'log("select a row from ht, then update ht with care")',
    "another table": 'cursor.execute("SELECT * FROM devices WHERE id = %s")',
    "bounded": 'cursor.execute("SELECT * FROM ht WHERE id = %s AND time >= %s")',
    "bytes": 'f(b"SELECT * FROM ht WHERE id = 1")',
    "a name": 'print("ht")',
    "literals in a joined write": 'cursor.execute("DELETE FROM ht USING dim WHERE ht.id = dim.id AND ht.time >= %s")',
}


@pytest.mark.parametrize("code", SILENT.values(), ids=SILENT)
def test_what_is_no_unbounded_query_is_left_alone(code: str, known: Known) -> None:
    assert lint(known, code) == []


DYNAMIC = {
    "added to later": 'q = "SELECT * FROM ht WHERE id = %s"\nif since:\n    q += " AND time >= %s"',
    "added to where it is run": 'BASE = "SELECT * FROM ht"\ndef f(c):\n    c.execute(BASE + " WHERE time > %s")',
    "added to in its function": 'def f(c):\n    q = "SELECT * FROM ht"\n    if x:\n        q = q + w\n    c.execute(q)',
    "a beginning in a class": 'class A:\n    q = "SELECT * FROM ht"\n    def f(self):\n        f(f"{self.q} AND {x}")',
    "a clause": 'cursor.execute(f"SELECT * FROM ht {where}")',
    "a condition": 'cursor.execute("SELECT * FROM ht WHERE " + " AND ".join(conditions))',
}


@pytest.mark.parametrize("code", DYNAMIC.values(), ids=DYNAMIC)
def test_a_statement_that_is_not_all_there_is_noted_and_not_judged(code: str, known: Known) -> None:
    assert {found.rule for found in lint(known, code)} == {"TSQ901"}


def test_the_function_is_named(known: Known) -> None:
    [found] = lint(known, 'class A:\n    def f(self):\n        self.execute("DELETE FROM ht WHERE id = %s")')
    assert (found.function, found.rule, found.confidence) == ("A.f", "TSQ102", "high")


def test_columns_count_characters(known: Known) -> None:
    [found] = lint(known, 'x = "é"; cursor.execute("SELECT \'é\' FROM ht WHERE id = 1")')
    assert found.column == 42
