"""The linter with the truth table's schema known."""

from __future__ import annotations

import pytest

from lint_support import Lint
from tsmigrate.lint import truth
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Known
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.snippet import each
from tsmigrate.lint.sources.sql_file import sql_file
from tsmigrate.lint.target import DEFAULT, Target
from tsmigrate.lint.violation import Violation


@pytest.fixture(scope="session")
def known() -> Known:
    found = Known()
    Learner(found, "setup.sql").file(truth.SETUP.read_bytes())
    return found


@pytest.fixture(scope="session")
def lint(known: Known) -> Lint:
    """The violations in a text of SQL."""

    def run(sql: str, target: Target = DEFAULT) -> list[Violation]:
        content = sql.encode()
        judging = Engine(known, target).file("query.sql", content)
        for snippet in sql_file(content):
            judging.judge(snippet)
        return list(each(judging.found.violations))

    return run
