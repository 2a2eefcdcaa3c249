"""SQL in strings of JavaScript, TypeScript, Go, Java and Ruby."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.run import Job, lint_file
from tsmigrate.lint.sources import program_file
from tsmigrate.lint.target import DEFAULT
from tsmigrate.lint.violation import Violation


def lint(known: Known, folder: Path, name: str, code: str) -> list[Violation]:
    (folder / name).write_text(code)
    judged = lint_file(Job(Engine(known, DEFAULT)), str(folder / name))
    assert not judged.unparsed
    return judged.violations


FOUND = {
    "template.js": "async function load() {\n  await db.query(`SELECT *\n    FROM ht WHERE id = ${id}`);\n}",
    "tagged.ts": "class A { async load(): Promise<void> { await sql`SELECT * FROM ht WHERE id = ${this.id}`; } }",
    "sum.js": "function load() { return q('SELECT * ' + 'FROM ht WHERE id = ' + id); }",
    "markup.tsx": 'function load() { q("SELECT * FROM ht WHERE id = $1"); return <a>ht</a>; }',
    "raw.go": "package a\nfunc load() {\n\tdb.Query(`\n\t\tSELECT *\n\t\tFROM ht\n\t\tWHERE id = $1`, id)\n}",
    "sum.go": 'package a\nfunc load() { db.Query("SELECT * " +\n\t"FROM ht WHERE id = ?", id) }',
    "A.java": 'class A { void load() { run("SELECT \\"v\\" "\n + "FROM ht WHERE id = ?"); } }',
    "B.java": 'class B { void load() { run("""\n  SELECT *\n  FROM ht\n  WHERE id = :id\n  """); } }',
    "heredoc.rb": "def load\n  run(<<~SQL)\n    SELECT *\n    FROM ht WHERE id = #{id}\n  SQL\nend",
    "string.rb": 'def load\n  run("SELECT * FROM ht WHERE id = #{id}")\nend',
}


@pytest.mark.parametrize("name", FOUND)
def test_a_query_in_a_string_is_judged_and_pointed_at(name: str, known: Known, tmp_path: Path) -> None:
    [found] = lint(known, tmp_path, name, FOUND[name])
    assert (found.rule, found.table, found.function) == ("TSQ101", "public.ht", "load")
    assert FOUND[name].split("\n")[found.line - 1][found.column - 1 :].startswith("ht")


SILENT = {
    "bounded.js": "q(`SELECT * FROM ht WHERE id = ${id} AND time >= ${since}`)",
    "other.ts": "q(`SELECT * FROM devices WHERE id = ${id}`); const ht = 'ht';",
    "prose.go": 'package a\nvar x = "select a row from ht, then update it"',
    "broken.js": "q(`SELECT * FROM ht WHERE id = ${",
}


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_unbounded_query_is_left_alone(name: str, known: Known, tmp_path: Path) -> None:
    assert lint(known, tmp_path, name, SILENT[name]) == []


def test_a_clause_that_is_put_in_is_noted(known: Known, tmp_path: Path) -> None:
    found = lint(known, tmp_path, "clause.js", "q(`SELECT * FROM ht ${where}`)")
    assert [one.rule for one in found] == ["TSQ901"]


def test_comments_suppress(known: Known, tmp_path: Path) -> None:
    code = "// tsmigrate: ignore[TSQ101] once a year\nq(`SELECT * FROM ht WHERE id = ${id}`)"
    assert lint(known, tmp_path, "quiet.js", code) == []


def test_without_its_extra_a_file_is_noted_and_not_linted(
    known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    program_file._language.cache_clear()
    (tmp_path / "code.ts").write_text(FOUND["tagged.ts"])
    judged = lint_file(Job(Engine(known, DEFAULT)), str(tmp_path / "code.ts"))
    assert judged.violations == []
    [(_, _, why)] = judged.unparsed
    assert why == "pip install 'tsmigrate[js]' to lint .ts files"
