# ruff: noqa: E501 - lists of pieces
"""Never a traceback, never a hang: random texts through the normaliser, random queries through the scopes."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tsmigrate.lint import truth
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.sources.literals import read
from tsmigrate.lint.sources.python_file import python_file
from tsmigrate.lint.sources.source import UnreadableError
from tsmigrate.lint.sources.sql_file import sql_file
from tsmigrate.lint.sql import placeholders, split
from tsmigrate.lint.target import KNOWN

KNOWN_TABLES = Known()
Learner(KNOWN_TABLES, "setup.sql").file(truth.SETUP.read_bytes())
EXAMPLES = settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))

PIECES = st.sampled_from(
    [
        *(
            "SELECT",
            " * ",
            " FROM ",
            "ht",
            "dim",
            " WHERE ",
            "time",
            "id",
            " = ",
            ">=",
            "%s",
            "%(a)s",
            ":x",
            ":'x'",
            "?",
        ),
        *(
            "@x",
            "{a}",
            "${b}",
            "{{ c }}",
            "'",
            '"',
            "$$",
            "$1",
            "--",
            "/*",
            "*/",
            "\n",
            ";",
            "(",
            ")",
            ",",
            " IN ",
            "é",
        ),
        *(
            "::date",
            "interval ",
            "\\",
            "E'",
            "a[1:2]",
            ":=",
            "%%",
            "|| ",
            " AND ",
            "tsmigrate: ignore TSQ101",
            "{",
            "}",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=25).map("".join)


@EXAMPLES
@given(TEXTS)
@example("SELECT '%s' FROM ht WHERE id=?")
def test_every_offset_of_a_normalised_text_leads_into_the_source(text: str) -> None:
    content = text.encode()
    for clause_holes in (False, True):
        made, offsets = placeholders.normalised(content, clause_holes=clause_holes)
        assert all(0 <= offsets.source(at) <= len(content) + 4 for at in range(len(made)))
        if not placeholders.MAY_HOLD.search(content):
            assert made == content


@EXAMPLES
@given(TEXTS)
def test_statements_of_any_text_are_parts_of_it(text: str) -> None:
    content = text.encode()
    blanked = split.without_client_commands(content)
    assert len(blanked) == len(content)
    for offset, part in split.statements(content):
        assert blanked[offset : offset + len(part)] == part


@EXAMPLES
@given(TEXTS, st.sampled_from(KNOWN))
def test_any_text_is_judged(text: str, target: object) -> None:
    content = text.encode()
    engine = Engine(KNOWN_TABLES, target)  # type: ignore[arg-type]
    judging = engine.file("q.sql", content)
    for snippet in sql_file(content, engine.names):
        judging.judge(snippet)
    quoted = f"execute(f{text!r})\nexecute({text!r} + x)".encode()
    judging = engine.file("q.py", quoted)
    with suppress(UnreadableError):  # a brace that Python does not accept either
        for snippet in python_file(quoted, engine.names):
            judging.judge(snippet)


@EXAMPLES
@given(st.text(alphabet="ab'\"\\{}nx\n", max_size=30))
def test_a_literal_is_read_as_python_reads_it(text: str) -> None:
    for written in (repr(text), f'"""{text}"""' if '"' not in text and not text.endswith("\\") else repr(text)):
        content = written.encode()
        try:
            expected = eval(written)
        except (SyntaxError, ValueError):
            continue
        found = read(content, 0, len(content), {})
        assert found is not None
        if "\r" not in expected and "\\N" not in written and "\\x" not in written:
            assert found.bytes.decode("utf-8", "replace") == expected


# -- queries that parse, nested at random

COLUMNS = st.sampled_from(["time", "id", "device", "x.time", "x.id", "y.time", "y.id", "v", "t"])
VALUES = st.sampled_from(
    ["$1", "now()", "'2026-01-01'", "1", "NULL", "clock_timestamp()", "f_stable()", "current_date"]
)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0:
        return draw(COLUMNS | VALUES)
    one = expressions(depth=depth - 1)
    shape = draw(
        st.sampled_from(["{0}", "{0} + {1}", "time_bucket('1 day', {0})", "coalesce({0}, {1})", "({2})", "{0}::date"])
    )
    return shape.format(draw(one), draw(one), draw(queries(depth=0)))


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> str:
    one, condition = expressions(depth=1), conditions(depth=depth - 1) if depth else st.just("true")
    shape = draw(
        st.sampled_from(
            [
                *(
                    "{0} = {1}",
                    "{0} >= {1}",
                    "{0} BETWEEN {1} AND {0}",
                    "{0} IN ({1}, {0})",
                    "{0} IS NULL",
                    "NOT ({2})",
                ),
                *("({2}) AND ({3})", "({2}) OR ({3})", "{0} IN ({4})", "EXISTS ({4})", "NOT EXISTS ({4})"),
                *(
                    "({0}, {1}) > ({1}, {0})",
                    "({0}, id) IN ((1, 2))",
                    "{0} = ANY(ARRAY({4}))",
                    "({2}) IS TRUE",
                    "false",
                ),
            ]
        )
    )
    return shape.format(draw(one), draw(one), draw(condition), draw(condition), draw(queries(depth=0)))


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> str:
    table = st.sampled_from(["ht", "ht2", "dim", "v_plain", "v_day", "v_union", "v_agg", "unheard", "c"])
    if depth == 0:
        return f"SELECT {draw(COLUMNS)} FROM {draw(table)} y WHERE {draw(expressions(depth=0))} = x.id"
    inner = queries(depth=depth - 1)
    source = draw(st.sampled_from(["{0} x", "({1}) x", "LATERAL ({1}) x", "{0} x, {2} y", "{0} x JOIN {2} y USING (id)",
                                   "{0} x LEFT JOIN {2} y ON {3}", "{0} x FULL JOIN ({1}) y ON {3}", "{0} NATURAL JOIN {2}",
                                   "({0} x JOIN {2} y ON {3}) z", "f_stable() x", "(VALUES (1, now())) x (id, time)"]))  # fmt: skip
    listed = draw(
        st.sampled_from(["*", "x.*", "count(*)", "max(time)", "id, time", "DISTINCT ON (id) *", "time AS t, *"])
    )
    tail = draw(
        st.sampled_from(["", "ORDER BY time LIMIT 5", "GROUP BY 1", "LIMIT $1", "OFFSET 0", "FOR UPDATE", "HAVING {3}"])
    )
    head = draw(
        st.sampled_from(["", "WITH c AS ({1}) ", "WITH c AS MATERIALIZED ({1}) ", "WITH RECURSIVE c AS ({1}) "])
    )
    whole = draw(st.sampled_from(["", " UNION ALL {1}", " EXCEPT {1}"]))
    text = f"{head}SELECT {listed} FROM {source} WHERE {{3}} {tail}{whole if not tail else ''}"
    return text.format(draw(table), draw(inner), draw(table), draw(conditions(depth=1)))


WRITES = st.sampled_from(
    [
        *("{0}", "UPDATE ht x SET v = ({0}) WHERE {1}", "DELETE FROM ht x USING dim y WHERE {1}", "INSERT INTO ht {0}"),
        *("MERGE INTO ht x USING ({0}) y ON {1} WHEN MATCHED THEN DELETE", "CREATE VIEW w AS {0}", "EXPLAIN {0}"),
        *(
            "INSERT INTO ht {0} ON CONFLICT (id) DO NOTHING",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $f${0}$f$",
        ),
        *(
            "DO $d$ BEGIN PERFORM 1 FROM ({0}) q; IF EXISTS ({0}) THEN UPDATE ht x SET v = 1 WHERE {1}; END IF; END $d$",
        ),
    ]
)


@EXAMPLES
@given(WRITES, queries(), conditions(), st.sampled_from(KNOWN))
def test_any_query_is_judged(shape: str, query: str, condition: str, target: object) -> None:
    content = shape.format(query, condition).encode()
    engine = Engine(KNOWN_TABLES, target)  # type: ignore[arg-type]
    judging = engine.file("q.sql", content)
    for snippet in sql_file(content, engine.names):
        judging.judge(snippet)
    for found in judging.found.violations:
        assert found.line >= 1
        assert found.column >= 1
