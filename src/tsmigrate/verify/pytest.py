"""The rollback test, and a database for pytest-alembic's tests, as pytest fixtures.

from tsmigrate.verify.pytest import alembic_engine, rollback_test

def test_every_revision_can_be_taken_back(rollback_test):
    rollback_test()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.finding import Finding
from tsmigrate.url import DatabaseUrl, parse
from tsmigrate.verify import jobs, scratch
from tsmigrate.verify.rollback import Report, Wanted, run

__all__ = ["alembic_engine", "rollback_test", "scratch_engine"]


@contextmanager
def scratch_engine(url: str | None = None, *, edition: Edition | str | None = None) -> Iterator[Engine]:
    """An engine of an empty database, which is dropped at the end: on the server of `url`, else in a sandbox.

    No background job of TimescaleDB's that is added through it starts.
    """
    place = (
        scratch.on_server(DatabaseUrl(parse(url), source="the test"))
        if url
        else scratch.in_sandbox(Edition(edition) if edition else None, lambda *_: None)
    )
    with place as made:
        engine = connect.engine(made.database)
        jobs.hold_of(engine)
        try:
            yield engine
        finally:
            engine.dispose()


@pytest.fixture
def alembic_engine() -> Iterator[Engine]:
    """The database of pytest-alembic's tests: one in a sandbox, new for each test.

    To choose another place, write your own fixture of this name around `scratch_engine`.
    """
    with scratch_engine() as engine:
        yield engine


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
