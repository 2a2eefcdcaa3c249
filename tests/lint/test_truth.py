"""The linter says of every case of the truth table what the server did."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lint_support import Lint
from tsmigrate.lint import truth
from tsmigrate.lint.target import KNOWN, Target
from tsmigrate.lint.violation import Severity

DAY = datetime(2026, 1, 1, tzinfo=UTC)
CASES = [case for case in truth.cases() if not case.exempt]


@pytest.mark.parametrize("target", KNOWN, ids=str)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.table}")
def test_a_case_is_flagged_where_the_server_reads_every_chunk(case: truth.Case, target: Target, lint: Lint) -> None:
    found = [
        one
        for one in lint(truth.filled(case.judged, DAY), target)
        if one.table == f"public.{case.table}" and one.severity is not Severity.INFO
    ]
    assert bool(found) == case.flagged(target), (case.verdicts, found)


def test_every_target_known_has_a_verdict_for_every_case() -> None:
    assert len(CASES) > 180
    assert all(truth.column(target) in case.verdicts for case in CASES for target in KNOWN)
