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


def agrees(case: truth.Case, target: Target, lint: Lint) -> bool:
    """Whether a warning or an error stands where the server reads every chunk, and none where it does not."""
    found = [
        one
        for one in lint(truth.filled(case.judged, DAY), target)
        if one.table == f"public.{case.table}" and one.severity is not Severity.INFO
    ]
    return bool(found) == case.flagged(target)


@pytest.mark.parametrize("target", KNOWN, ids=str)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.table}")
def test_a_case_is_flagged_where_the_server_reads_every_chunk(case: truth.Case, target: Target, lint: Lint) -> None:
    if case.name not in truth.DISAGREEMENTS:
        assert agrees(case, target, lint), case.verdicts


def test_each_disagreement_is_still_one(lint: Lint) -> None:
    for name in truth.DISAGREEMENTS:
        [case] = [one for one in CASES if one.name == name]
        assert not all(agrees(case, target, lint) for target in KNOWN), name


@pytest.mark.parametrize("target", KNOWN, ids=str)
def test_99_of_100_cases_agree(target: Target, lint: Lint) -> None:
    wrong = [name for name in truth.DISAGREEMENTS for case in CASES if case.name == name]
    differing = [case for case in CASES if case.name in wrong and not agrees(case, target, lint)]
    assert len(differing) <= len(CASES) * 0.01
    first = {case.name for case in truth.cases()[:193]}
    assert not first & set(truth.DISAGREEMENTS)


def test_every_target_known_has_a_verdict_for_every_case() -> None:
    assert len(CASES) > 180
    assert all(truth.column(target) in case.verdicts for case in CASES for target in KNOWN)
