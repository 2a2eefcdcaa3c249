"""The rollback test on a copy of a live database: what is copied, what is left out, and that nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alembic_project import Project
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.sql import identifier, raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.rehearsal.rehearse import KIND, Wanted, rehearse
from tsmigrate.verify.rollback import Report

NASTY = (Path(__file__).parent / "rehearsal.sql").read_text()
Try = Callable[..., Report]


@pytest.fixture
def nasty(plain_database: DatabaseUrl) -> Iterator[DatabaseUrl]:
    owner = f"owner_{os.getpid()}"
    run(plain_database, NASTY.format(owner=owner), "ANALYZE")
    yield plain_database
    with connect.connection(plain_database, isolation_level="AUTOCOMMIT") as connection:
        for role in (owner, f'{owner} "quoted"'):
            connection.execute(raw(f"DROP OWNED BY {identifier(role)} CASCADE"))
            connection.execute(raw(f"DROP ROLE {identifier(role)}"))


def run(database: DatabaseUrl, *scripts: str) -> None:
    with connect.connection(database) as connection:
        cursor = connection.connection.cursor()
        for script in scripts:
            cursor.execute(script)
        connection.connection.commit()


@pytest.fixture
def tried(project: Project, edition: Edition) -> Try:
    def test(source: DatabaseUrl, **options: object) -> Report:
        given = {"rows": 50, "crash": Crash.NONE, "edition": edition, **options}
        return rehearse(Wanted(source=source, ini=project.ini, **given))  # type: ignore[arg-type]

    return test


def everything(database: DatabaseUrl) -> object:
    """What a write would change: transactions that wrote, and rows."""
    with connect.connection(database) as connection:
        return connection.execute(
            raw("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), count(*) FROM pg_stat_user_tables")
        ).all()


def seen(report: Report) -> str:
    return "\n".join(f"{each.severity} {each.check}: {each.seen}\n  {each.why}" for each in report.findings)


def test_the_pending_revisions_go_up_and_down_on_a_copy_of_schema_and_rows(
    project: Project, nasty: DatabaseUrl, tried: Try, tmp_path: Path
) -> None:
    """From plain PostgreSQL, one revision being the project's, one not in it yet."""
    project.revision("a1", "SELECT 1 / 0")  # the source has it: it is not run
    extra = "import tsmigrate.ops"
    project.revision(
        "b2",
        "op.create_timescaledb_extension()",
        "op.drop_timescaledb_extension()",
        after="a1",
        extra=extra,
    )
    further = Project(tmp_path / "further")
    (further.folder / "migrations" / "versions").mkdir(parents=True)
    further.revision(
        "c3",
        "op.create_hypertable('events', 'at', '7 days', migrate_data=True)",
        "op.revert_hypertable('events')",
        after="b2",
        extra=extra,
    )
    before = everything(nasty)
    report = tried(nasty, extra_versions=further.folder / "migrations" / "versions")
    assert report.differences == (), seen(report)
    assert (report.exit_code, report.revisions) == (0, 2)
    text = seen(report)
    assert "c3: up, down and up again: schema, rows and sequences equal" in text
    assert "the downgrade to where the source is in one go: schema byte for byte, rows and sequences as in" in text
    assert "because others refer to them" in text
    assert f"without a login: owner_{os.getpid()}" in text
    assert "the copy was on this machine only, and is gone" in text
    assert everything(nasty) == before
    assert not [found for found in sandbox.every() if found.sandbox.name.startswith(KIND)]
    assert not list((project.folder / "migrations" / "versions").glob("c3*"))
