"""Each rule's cases, and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lint_support import Lint
from tsmigrate.lint import rules as package
from tsmigrate.lint.fix import fixed
from tsmigrate.lint.rules.rule import Rule, rules

FOLDER = Path(package.__path__[0])
FILES = sorted(FOLDER.glob("tsq*.yaml"))
CASES: list[tuple[str, str, Any]] = [
    (file.name[:6].upper(), kind, case)
    for file in FILES
    for kind, cases in yaml.safe_load(file.read_text()).items()
    for case in cases
]


@pytest.mark.parametrize(("code", "kind", "case"), CASES, ids=[f"{code} {kind} {case}" for code, kind, case in CASES])
def test_a_rule_says_what_its_cases_say(code: str, kind: str, case: Any, lint: Lint) -> None:
    if kind == "fix":
        found = [one for one in lint(case["before"]) if one.rule == code]
        assert fixed(case["before"].encode(), found).decode() == case["after"]
        assert code not in {one.rule for one in lint(case["after"])}
    else:
        assert (code in {one.rule for one in lint(case)}) == (kind == "fail"), lint(case)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
def test_a_rule_has_a_page_and_cases(rule: Rule) -> None:
    [module] = FOLDER.glob(f"{rule.code.lower()}_*.py")
    assert module.stem == f"{rule.code.lower()}_{rule.name.replace('-', '_')}"
    assert module.with_suffix(".yaml").exists()
    for part in ("**Problem.**", "**What the server does.**", "**Mend.**", "**When to suppress.**"):
        assert part in rule.page
    assert rule.summary.endswith(".")


def test_a_violation_names_table_column_and_a_mend(lint: Lint) -> None:
    [found] = lint("SELECT *\nFROM ht AS h\nWHERE h.id = $1")
    assert (found.table, found.line, found.column, found.end_line) == ("public.ht", 2, 6, 2)
    assert "public.ht" in found.message
    assert "reads all chunks" in found.message
    assert "h.time >= …" in found.hint
