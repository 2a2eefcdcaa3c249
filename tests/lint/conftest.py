"""The linter with the truth table's schema known."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_support import Lint
from tsmigrate.lint import truth
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.run import Job, lint_file
from tsmigrate.lint.target import DEFAULT, Target
from tsmigrate.lint.violation import Violation


@pytest.fixture(scope="session")
def known() -> Known:
    found = Known()
    Learner(found, "setup.sql").file(truth.SETUP.read_bytes())
    return found


@pytest.fixture
def lint(known: Known, tmp_path: Path) -> Lint:
    """The violations in a text of SQL."""

    def run(sql: str, target: Target = DEFAULT) -> list[Violation]:
        file = tmp_path / "query.sql"
        file.write_text(sql)
        return lint_file(Job(Engine(known, target), require_reason=True), str(file)).violations

    return run
