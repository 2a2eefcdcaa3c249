"""What a project may say about a single rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import Run
from tsmigrate.errors import UsageError
from tsmigrate.lint import settings
from tsmigrate.lint.engine import Engine, Rules
from tsmigrate.lint.known import Known
from tsmigrate.lint.options import ABOUT
from tsmigrate.lint.rules.rule import rules
from tsmigrate.lint.run import Job, lint_file
from tsmigrate.lint.target import DEFAULT


def found(known: Known, folder: Path, options: str, sql: str) -> list[tuple[str, str]]:
    (folder / "tsmigrate.toml").write_text(options)
    (folder / "q.sql").write_text(sql)
    chosen = settings.find(folder)
    engine = Engine(known, DEFAULT, Rules(chosen.severity, options=chosen.options))
    return [(one.rule, str(one.severity)) for one in lint_file(Job(engine), str(folder / "q.sql")).violations]


BY_ID = "SELECT * FROM ht WHERE id = 1;"


@pytest.mark.parametrize(
    ("options", "sql", "expected"),
    [
        ('[lint.TSQ101]\nseverity = "info"', BY_ID, [("TSQ101", "info")]),
        ('[lint]\nTSQ101 = { severity = "warning" }\nseverity = { TSQ101 = "info" }', BY_ID, [("TSQ101", "warning")]),
        ('[lint.TSQ101]\nexempt = ["public.ht"]', BY_ID, []),
        ('[lint.TSQ101]\nexempt = ["h*"]', BY_ID, []),
        ('[lint.TSQ101]\nexempt = ["ht2", "other.ht"]', BY_ID, [("TSQ101", "error")]),
        ('[lint.TSQ102]\nexempt = ["ht"]', "DELETE FROM ht WHERE id = 1;", []),
        ('[lint.TSQ103]\nexempt = ["ht"]', "INSERT INTO ht (id) VALUES (1) ON CONFLICT (id) DO NOTHING;", []),
        ("[lint.TSQ101]\nallow-unfiltered = true", "SELECT count(*) FROM ht;", []),
        ("[lint.TSQ101]\nallow_unfiltered = true", BY_ID, [("TSQ101", "error")]),
        ("[lint.TSQ102]\nallow_unfiltered = true", "DELETE FROM ht;", []),
        ('[lint.TSQ210]\nstable_functions = ["f_vol"]', "SELECT * FROM ht WHERE time >= f_vol();", []),
        ("", "SELECT * FROM ht WHERE time >= f_vol();", [("TSQ210", "warning")]),
    ],
)
def test_an_option_does_what_its_page_says(
    known: Known, tmp_path: Path, options: str, sql: str, expected: list[tuple[str, str]]
) -> None:
    assert found(known, tmp_path, options, sql) == expected


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("[lint.TSQ101]\nthreshold = 3", "threshold"),
        ("[lint.TSQ301]\nallow_unfiltered = true", "allow_unfiltered"),
        ("[lint.TSQ101]\nallow_unfiltered = 3", "allow_unfiltered"),
        ("[lint.TSQ101]\nexempt = 'ht'", "exempt"),
        ("[lint.TSQ101]\nseverity = 'awful'", "severity"),
        ("[lint]\nTSQ101 = 'off'", "TSQ101"),
        ("[lint.TSQ777]\nseverity = 'info'", "TSQ777"),
        ("[lint]\nselect = 'TSQ1'", "select"),
        ("lint = 3", "lint"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: str, named: str) -> None:
    (tmp_path / "tsmigrate.toml").write_text(options)
    with pytest.raises(UsageError) as caught:
        settings.find(tmp_path)
    assert named in str(caught.value)
    assert caught.value.mend


def test_the_command_ends_with_2_and_shows_no_traceback(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "tsmigrate.toml").write_text("[lint.TSQ101]\nthreshold = 3\n")
    refused = tsmigrate("lint-queries", ".")
    assert (refused.returncode, "threshold" in refused.stderr, "Traceback" in refused.stderr) == (2, True, False)


def test_pyproject_has_them_too(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.tsmigrate.hypertables]\nht = "time"\n[tool.tsmigrate.lint.TSQ101]\nseverity = "info"\n'
    )
    (tmp_path / "q.sql").write_text(BY_ID)
    shown = json.loads(tsmigrate("lint-queries", ".", "--format", "json").stdout)
    assert [one["severity"] for one in shown["findings"]] == ["info"]


def test_each_page_says_what_its_rule_takes() -> None:
    for rule in rules():
        for option in rule.options:
            assert ABOUT[option] in rule.page
