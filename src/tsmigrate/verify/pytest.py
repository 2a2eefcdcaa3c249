"""The rollback test as a pytest fixture.

from tsmigrate.verify.pytest import rollback_test

def test_every_revision_can_be_taken_back(rollback_test):
    rollback_test()
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tsmigrate.finding import Finding
from tsmigrate.url import DatabaseUrl, parse
from tsmigrate.verify.rollback import Report, Wanted, run

__all__ = ["rollback_test"]


@pytest.fixture
def rollback_test() -> Callable[..., Report]:
    """Call it with `ini=` and the other fields of `Wanted` as keywords; `url=` names a server instead of a sandbox.

    A difference fails the test with its diff; otherwise the report is returned.
    """

    def test(ini: str | Path | None = None, *, url: str | None = None, **options: Any) -> Report:
        known = {field.name for field in fields(Wanted)}
        if unknown := set(options) - known:
            raise TypeError(
                f"rollback_test() knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}"
            )
        server = DatabaseUrl(parse(url), source="the test") if url else None
        report = run(Wanted(ini=Path(ini) if ini else None, server=server, **options))
        if report.differences:
            pytest.fail("\n\n".join(map(_told, report.differences)), pytrace=False)
        return report

    return test


def _told(finding: Finding) -> str:
    mend = f"\nmend: {finding.mend}" if finding.mend else ""
    return f"{finding.check}: {finding.seen}\n{finding.why}{mend}"
