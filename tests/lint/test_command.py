"""`tsmigrate lint-queries` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import Run
from tsmigrate.lint.sources.walk import files

DECLARED = '[hypertables]\nht = { column = "time", columns = ["time", "id", "v"] }\n'
BAD = "SELECT * FROM ht WHERE id = 1;\n"
GOOD = "SELECT * FROM ht WHERE id = 1 AND time = '2026-01-01';\n"
WARNED = "SELECT * FROM ht WHERE time::date = '2026-01-01';\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tsmigrate.toml").write_text(DECLARED)
    (tmp_path / "bad.sql").write_text(BAD)
    (tmp_path / "good.sql").write_text(GOOD)
    return tmp_path


def test_exit_codes(project: Path, tsmigrate: Run) -> None:
    assert tsmigrate("lint-queries", "good.sql").returncode == 0
    assert tsmigrate("lint-queries", "bad.sql").returncode == 1
    assert tsmigrate("lint-queries", "nothing.sql").returncode == 2
    (project / "warned.sql").write_text(WARNED)
    assert tsmigrate("lint-queries", "warned.sql").returncode == 0
    assert tsmigrate("lint-queries", "warned.sql", "--fail-on", "warning").returncode == 1


def test_settings_are_found_from_the_first_path_and_else_from_here(project: Path, tsmigrate: Run) -> None:
    assert tsmigrate("lint-queries", "bad.sql").returncode == 1
    with tempfile.TemporaryDirectory() as elsewhere:
        file = Path(elsewhere) / "there.sql"
        file.write_text(BAD)
        assert tsmigrate("lint-queries", str(file)).returncode == 1
        (Path(elsewhere) / "tsmigrate.toml").write_text('[hypertables]\nother = "at"\n')
        assert tsmigrate("lint-queries", str(file)).returncode == 0


def test_settings_choose_rules_and_severities(project: Path, tsmigrate: Run) -> None:
    assert tsmigrate("lint-queries", "bad.sql", "--ignore", "TSQ1").returncode == 0
    assert tsmigrate("lint-queries", "bad.sql", "--select", "TSQ2").returncode == 0
    (project / "tsmigrate.toml").write_text(DECLARED + '[lint]\nseverity = { TSQ101 = "info" }\n')
    assert tsmigrate("lint-queries", "bad.sql").returncode == 0
    (project / "tsmigrate.toml").write_text(DECLARED + "[lint]\nunheard = 1\n")
    refused = tsmigrate("lint-queries", "bad.sql")
    assert (refused.returncode, "unheard" in refused.stderr) == (2, True)
    assert tsmigrate("lint-queries", "bad.sql", "--select", "TSQ999").returncode == 2


def test_what_is_read_only_for_what_it_defines(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "tsmigrate.toml").write_text('[lint]\nlearn = ["schema.sql"]\n')
    (tmp_path / "schema.sql").write_text("CREATE TABLE ht (time date); SELECT create_hypertable('ht', 'time');" + BAD)
    (tmp_path / "code.sql").write_text(BAD)
    found = json.loads(tsmigrate("lint-queries", "code.sql", "--format", "json").stdout)["findings"]
    assert [one["file"] for one in found] == ["code.sql"]


def test_a_suppression_of_a_rule_that_is_off_is_not_called_unused(project: Path, tsmigrate: Run) -> None:
    (project / "bad.sql").write_text("-- tsmigrate: ignore TSQ101 once a year\n" + BAD)
    assert tsmigrate("lint-queries", "bad.sql", "--ignore", "TSQ101", "--fail-on", "info").returncode == 0
    assert tsmigrate("lint-queries", "bad.sql", "--fail-on", "info").returncode == 0


def test_pyproject_declares_hypertables_too(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.tsmigrate.hypertables]\n"s.t" = "at"\n')
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "q.sql").write_text("SELECT * FROM s.t WHERE id = 1")
    assert tsmigrate("lint-queries", "code", "--show-hypertables").stdout.startswith("s.t  at timestamptz")
    assert tsmigrate("lint-queries", "code").returncode == 1


def test_text_shows_the_line_and_marks_the_place(project: Path, tsmigrate: Run) -> None:
    shown = tsmigrate("lint-queries", "bad.sql").stdout
    assert "    | SELECT * FROM ht WHERE id = 1;\n    |               ^^\n" in shown
    assert "mend: " in shown
    assert "TSQ101 no-time-predicate  1" in shown


@pytest.mark.parametrize("width", [80, 120])
def test_text_fits_the_terminal(project: Path, tsmigrate: Run, width: int) -> None:
    (project / "bad.sql").write_text(f"SELECT {', '.join(f'column_{n}' for n in range(40))} FROM ht WHERE id = 1;\n")
    shown = tsmigrate("lint-queries", "bad.sql", COLUMNS=str(width)).stdout.splitlines()
    assert max(map(len, shown)) <= width
    [mark] = [number for number, line in enumerate(shown) if "^^" in line]
    assert shown[mark - 1][shown[mark].index("^") :].startswith("ht WHERE")


def test_json_is_as_documented(project: Path, tsmigrate: Run) -> None:
    document = json.loads(tsmigrate("lint-queries", ".", "--format", "json").stdout)
    assert document["version"] == 1
    [found] = document["findings"]
    assert {*found} == {
        *("rule", "name", "severity", "table", "file", "line", "column", "end_line", "end_column", "function"),
        *("message", "hint", "confidence", "fingerprint", "fix"),
    }
    assert (found["table"], found["line"], found["column"], found["severity"]) == ("public.ht", 1, 15, "error")
    summary = document["summary"]
    assert (summary["files"], summary["statements"], summary["hypertable_statements"]) == (2, 2, 2)
    assert summary["by_rule"] == {"TSQ101": 1}
    assert summary["by_severity"] == {"error": 1, "warning": 0, "info": 0}
    assert summary["unparsed"] == []


def test_the_formats_of_other_programs(project: Path, tsmigrate: Run) -> None:
    def written(name: str) -> str:
        return tsmigrate("lint-queries", "bad.sql", "--format", name).stdout

    [result] = json.loads(written("sarif"))["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("TSQ101", "error")
    assert result["locations"][0]["physicalLocation"]["region"]["startColumn"] == 15
    [issue] = json.loads(written("gitlab"))
    assert (issue["check_name"], issue["location"]["lines"]["begin"]) == ("TSQ101", 1)
    assert written("github").startswith("::error file=bad.sql,line=1,endLine=1,col=15,")
    assert written("gcc").startswith("bad.sql:1:15: error: public.ht is read whole")


def test_a_baseline_outlives_new_lines_above(project: Path, tsmigrate: Run) -> None:
    assert tsmigrate("lint-queries", ".", "--write-baseline", "known.json").returncode == 0
    assert tsmigrate("lint-queries", ".", "--baseline", "known.json").returncode == 0
    (project / "bad.sql").write_text("SELECT 1;\n\n" + BAD)
    assert tsmigrate("lint-queries", ".", "--baseline", "known.json").returncode == 0
    (project / "bad.sql").write_text(BAD + BAD)
    assert tsmigrate("lint-queries", ".", "--baseline", "known.json").returncode == 1
    assert tsmigrate("lint-queries", ".", "--baseline", "none.json").returncode == 2


def test_diff_base_lints_only_what_changed(project: Path, tsmigrate: Run) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    assert tsmigrate("lint-queries", ".", "--diff-base", "HEAD").returncode == 0
    (project / "bad.sql").write_text(BAD + "SELECT *\nFROM ht\nWHERE v = 3;\n")
    found = json.loads(tsmigrate("lint-queries", ".", "--diff-base", "HEAD", "--format", "json").stdout)["findings"]
    assert [one["line"] for one in found] == [3]
    (project / "new.sql").write_text(BAD)
    assert tsmigrate("lint-queries", "new.sql", "--diff-base", "HEAD").returncode == 1
    assert tsmigrate("lint-queries", ".", "--diff-base", "nowhere").returncode == 2


def test_fixes_are_shown_and_applied(project: Path, tsmigrate: Run) -> None:
    before = "SELECT * FROM ht WHERE (time, id) > ('2026-01-01', 3) ORDER BY time;\n"
    after = "SELECT * FROM ht WHERE (time, id) > ('2026-01-01', 3) AND time >= '2026-01-01' ORDER BY time;\n"
    (project / "bad.sql").write_text(before)
    patch = tsmigrate("lint-queries", "bad.sql", "--diff").stdout
    assert f"-{before}+{after}" in patch
    assert (project / "bad.sql").read_text() == before
    assert tsmigrate("lint-queries", "bad.sql", "--fix", "--fail-on", "warning").returncode == 0
    assert (project / "bad.sql").read_text() == after


def test_statistics_only_counts(project: Path, tsmigrate: Run) -> None:
    shown = tsmigrate("lint-queries", ".", "--statistics").stdout
    assert "TSQ101 no-time-predicate  1" in shown
    assert "mend" not in shown


def test_explain_rule_prints_its_page(tsmigrate: Run) -> None:
    shown = tsmigrate("explain-rule", "TSQ104")
    assert "**Mend.**" in shown.stdout
    assert tsmigrate("explain-rule", "join-missing-key").stdout == shown.stdout
    assert tsmigrate("explain-rule", "TSQ999").returncode == 2


def test_folders_of_others_are_left_out(tmp_path: Path) -> None:
    for name in ("a.sql", "node_modules/b.sql", "built/c.sql", "deep/built/d.sql", "deep/e.sql", "kept.tmp.sql"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(BAD)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    (tmp_path / "venv" / "f.sql").write_text(BAD)
    (tmp_path / ".gitignore").write_text("built/\n*.tmp.sql\n!kept.tmp.sql\n")
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    found = sorted(str(path.relative_to(tmp_path)) for path in files([tmp_path]))
    assert found == ["a.sql", "deep/e.sql", "kept.tmp.sql"]
