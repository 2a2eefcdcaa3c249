"""Whatever a file holds, it is a finding or a note about that file, and the rest is linted."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import Run
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.run import Job, lint, lint_file
from tsmigrate.lint.snippet import Judged
from tsmigrate.lint.sources.walk import files
from tsmigrate.lint.target import DEFAULT

BAD = "SELECT * FROM ht WHERE id = 1"


@pytest.fixture
def judge(known: Known, tmp_path: Path) -> Callable[[bytes, str], Judged]:
    def run(content: bytes, name: str = "q.sql", seconds: int = 30) -> Judged:
        (tmp_path / name).write_bytes(content)
        return lint_file(Job(Engine(known, DEFAULT), seconds=seconds), str(tmp_path / name))

    return run


Judge = Callable[..., Judged]


def codes(judged: Judged) -> set[str]:
    return {one.rule for one in judged.violations}


def test_a_binary_file_is_noted(judge: Judge) -> None:
    judged = judge(b"\x7fELF\0\0SELECT * FROM ht" * 100)
    assert not judged.violations
    assert [why for _, _, why in judged.unparsed] == ["binary"]


@pytest.mark.parametrize(
    ("name", "text"), {"q.sql": f"/* \xff\xfe */ {BAD};", "q.py": f'x = "\xe9"\nexecute("{BAD}")'}.items()
)
def test_invalid_utf8_does_not_hide_the_rest(judge: Judge, name: str, text: str) -> None:
    assert codes(judge(text.encode("latin-1"), name)) == {"TSQ101"}


def test_a_statement_that_is_no_python_is_noted(judge: Judge) -> None:
    judged = judge(f'execute("\xe9", "{BAD}")'.encode("latin-1"), "q.py")
    assert [why for _, _, why in judged.unparsed] == ["not valid Python, or nested too deeply"]


def test_a_statement_of_a_megabyte(judge: Judge) -> None:
    values = ", ".join(f"({number}, now())" for number in range(70_000))
    assert not judge(f"INSERT INTO ht (id, time) VALUES {values} ON CONFLICT DO NOTHING".encode()).violations
    listed = ", ".join(map(str, range(170_000)))
    assert codes(judge(f"SELECT * FROM ht WHERE id IN ({listed})".encode())) == {"TSQ101"}


def test_a_dump_of_fifty_megabytes(judge: Judge) -> None:
    row = b"1\t2026-01-01 00:00:00+00\tit's; a \\\\ row of ht\n"
    copied = b"COPY public.ht (id, time, v) FROM stdin;\n" + row * (30_000_000 // len(row)) + b"\\.\n\n"
    inserts = b"INSERT INTO public.ht VALUES (1, now(), 'x;');\n" * (20_000_000 // 47)
    judged = judge(b"SET search_path = '';\n" + copied + inserts + b"\\connect other\n", seconds=120)
    assert not judged.unparsed
    assert judged.hypertable_statements > 400_000


BOMBS = {
    "brackets": "SELECT * FROM ht WHERE id = " + "(" * 4000 + "1" + ")" * 4000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 900 + "ht" + ") x" * 900,
    "deep but read": "SELECT * FROM " + "(SELECT * FROM " * 40 + "ht" + ") x" * 40,
    "or": "SELECT * FROM ht WHERE " + " OR ".join(["id = 1"] * 20_000),
    "not": "SELECT * FROM ht WHERE " + "NOT " * 5000 + "id = 1",
    "plus": "SELECT * FROM ht WHERE id = 1" + " + 1" * 20_000,
    "union": " UNION ALL ".join(["SELECT * FROM ht"] * 3000),
    "with": "WITH " + ", ".join(f"a{n} AS (SELECT * FROM {f'a{n - 1}' if n else 'ht'})" for n in range(300)) + BAD,
    "doubling": "WITH a0 AS NOT MATERIALIZED (SELECT * FROM ht), "
    + ", ".join(f"a{n} AS NOT MATERIALIZED (SELECT * FROM a{n - 1} x JOIN a{n - 1} y USING (id))" for n in range(1, 25))
    + " SELECT * FROM a24",
    "joins": "SELECT * FROM ht" + "".join(f" JOIN ht a{n} USING (id)" for n in range(300)),
    "exists": "SELECT * FROM ht WHERE "
    + "EXISTS (SELECT 1 FROM ht2 WHERE ht2.id = ht.id AND " * 14
    + "true"
    + ")" * 14,
}


@pytest.mark.parametrize("sql", BOMBS.values(), ids=BOMBS)
def test_a_nesting_bomb_is_a_finding(judge: Judge, sql: str) -> None:
    judged = judge(sql.encode() + b";\n" + BAD.encode())
    assert "TSQ101" in codes(judged)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM ht WHERE ((id, time), v) IN (SELECT (x, y), z FROM u)",
        "SELECT * FROM (SELECT (id, time) AS r FROM ht) a JOIN (SELECT (x, y) AS r FROM u) b USING (r)",
        "SELECT * FROM (SELECT (id, time) AS r FROM ht) a NATURAL JOIN (SELECT (x, y) AS r FROM u) b",
    ],
)
def test_rows_that_a_join_compares_are_read_by_their_columns(judge: Judge, sql: str) -> None:
    judged = judge(sql.encode())
    assert not judged.unparsed
    assert codes(judged) == {"TSQ206"}


def test_python_bombs(judge: Judge) -> None:
    deep = f'execute("{BAD}")\nx = ' + "(" * 150 + "1" + ")" * 150
    assert codes(judge(deep.encode(), "a.py")) == {"TSQ101"}
    summed = "execute(" + " + ".join(['"a"'] * 3000) + f")\nexecute('{BAD}')"
    assert codes(judge(summed.encode(), "b.py")) <= {"TSQ101"}
    assert judge(b"def f(: ht SELECT", "c.py").unparsed


def test_sql_of_another_database(judge: Judge) -> None:
    judged = judge(
        b"SELECT TOP 5 * FROM [ht] WITH (NOLOCK)\nGO\n;\nSELECT `id` FROM `ht` WHERE id = 1;\n" + BAD.encode()
    )
    assert "TSQ101" in codes(judged)
    assert judged.unparsed


@pytest.mark.parametrize(
    "broken",
    ["SELECT (;", "SELECT ((;", "SELECT );", "SELECT (; SELECT 2); SELECT 3;", "SELECT [;", "SELECT {;", "SELECT 1e;"],
)
def test_a_bracket_that_is_never_closed_hides_nothing(judge: Judge, broken: str) -> None:
    judged = judge(f"{BAD};\n{broken}\n-- a comment\n{BAD}; SELECT 1;\n{BAD};\n/* ) */\n".encode())
    found = [one.line for one in judged.violations if one.rule == "TSQ101"]
    assert found == [1, 4, 5]
    assert [line for _, line, _ in judged.unparsed if line != 2] == []


def test_a_file_that_vanishes_and_one_that_may_not_be_read(known: Known, tmp_path: Path) -> None:
    (tmp_path / "there.sql").write_text(BAD)
    found = list(lint(Job(Engine(known, DEFAULT)), [tmp_path / "gone.sql", tmp_path / "there.sql"], jobs=1))
    assert [bool(one.violations) for one in found] == [False, True]
    assert "cannot be read" in found[0].unparsed[0][2]


@pytest.fixture
def no_gc_callbacks() -> Iterator[None]:
    """Hypothesis has one, in which an exception that interrupts gets lost, with a warning."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks.extend(callbacks)


@pytest.mark.usefixtures("no_gc_callbacks")
def test_a_file_that_takes_too_long_is_given_up(known: Known, tmp_path: Path) -> None:
    sql = "".join(f"SELECT * FROM ht WHERE column{n} = {n};\n" for n in range(60_000))
    (tmp_path / "slow.sql").write_text(sql)
    judged = lint_file(Job(Engine(known, DEFAULT), seconds=1), str(tmp_path / "slow.sql"))
    assert any("took longer" in why for _, _, why in judged.unparsed)


def test_a_loop_of_folders_and_other_things(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "itself.sql").symlink_to(tmp_path / "a" / "itself.sql")
    os.mkfifo(tmp_path / "a" / "pipe.sql")
    (tmp_path / "a" / "q.sql").write_text(BAD)
    assert [path.name for path in files([tmp_path])] == ["q.sql"]


def test_the_exit_code_counts_findings_beside_a_broken_file(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "tsmigrate.toml").write_text('[hypertables]\nht = "time"\n')
    (tmp_path / "a.sql").write_bytes(random.Random(1).randbytes(5000))
    assert tsmigrate("lint-queries", ".").returncode == 0
    (tmp_path / "b.sql").write_text(BAD)
    done = tsmigrate("lint-queries", ".", "--jobs", "2")
    assert (done.returncode, "a.sql" in done.stdout) == (1, True)
