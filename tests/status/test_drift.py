"""The database's revision is compared with the project's, from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alembic_project import Project
from support import Run
from tsmigrate import connect
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

NOT_RUN = "raise RuntimeError('env.py was run')"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    made = Project(tmp_path)
    made.env(text=NOT_RUN)
    made.revision("one", "SELECT 1")
    made.revision("two", "SELECT 1", after="one")
    made.revision("three", "SELECT 1", after="two")
    return made


@pytest.mark.edition("apache")
def test_drift_from_the_revisions(tsmigrate: Run, plain_database: DatabaseUrl, project: Project) -> None:
    def run(*statements: str) -> tuple[int, Any, str]:
        with connect.connection(plain_database) as connection:
            for statement in statements:
                connection.execute(raw(statement))
            connection.commit()
        done = tsmigrate("status", "--format", "json", "--url", plain_database.full, cwd=project.folder)
        assert (done.stderr, "env.py was run" in done.stdout) == ("", False)
        document = json.loads(done.stdout)
        told = "\n".join(each["seen"] for each in document["findings"] if each["check"] == "revisions")
        return done.returncode, document["summary"]["revisions"], told

    code, drift, told = run()
    assert (code, drift["applied"], drift["pending"]) == (1, [], ["one", "two", "three"])
    assert "at no revision, 3 revisions behind three" in told
    code, drift, told = run(
        "CREATE SCHEMA apart",
        "CREATE TABLE apart.alembic_version (version_num text)",
        "INSERT INTO apart.alembic_version VALUES ('two')",
    )
    assert (code, drift["pending"], "at two, 1 revision behind three" in told) == (1, ["three"], True)
    code, drift, told = run("UPDATE apart.alembic_version SET version_num = 'three'")
    assert (code, drift["pending"], told) == (0, [], "")
    text = tsmigrate("status", "--url", plain_database.full, "-c", project.ini).stdout
    assert "newest revision" in " ".join(text.split())
    run("CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('one')")
    code, drift, told = run()  # the one that the search_path finds
    assert (drift["applied"], "there are more tables of revisions" in told) == (["one"], True)
    code, drift, told = run("DROP TABLE alembic_version", "UPDATE apart.alembic_version SET version_num = 'later'")
    assert (code, drift["unknown"]) == (1, ["later"])
    assert "is at later, which alembic.ini does not have" in told

    # Where env.py writes out another name or another schema, that is where it is looked for.
    project.env(text=f"{NOT_RUN}\nTABLE = 'Ver\"si{{{{ons'\ncontext.configure(version_table=TABLE)")
    code, drift, told = run()
    assert (drift["applied"], "at no revision, 3 revisions behind three" in told) == ([], True)
    code, drift, told = run(
        'CREATE TABLE apart."Ver""si{ons" (version_num text)', """INSERT INTO apart."Ver""si{ons" VALUES ('one')"""
    )
    assert (drift["applied"], drift["pending"]) == (["one"], ["two", "three"])
    project.env(text=f"{NOT_RUN}\noptions = {{{{'version_table_schema': 'apart too'}}}}")
    code, drift, told = run()
    assert drift["applied"] == []
    code, drift, told = run(
        'CREATE SCHEMA "apart too"',
        'CREATE TABLE "apart too".alembic_version (version_num text)',
        "INSERT INTO \"apart too\".alembic_version VALUES ('two')",
    )
    assert (drift["applied"], "more tables" in told) == (["two"], False)
    project.env(text=NOT_RUN)

    project.revision("five", "SELECT 1", after="missing")
    code, drift, told = run()
    assert (code, drift) == (1, None)
    assert "the revisions that alembic.ini names cannot be read" in told
    (project.folder / "migrations" / "versions" / "five.py").write_text("this is no Python")
    assert run()[0] == 1
    done = tsmigrate("status", "--url", plain_database.full, "-c", "nothing.ini", cwd=project.folder)
    assert (done.returncode, "nothing.ini does not exist" in done.stderr) == (2, True)
