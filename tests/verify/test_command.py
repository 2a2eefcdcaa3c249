"""The command's reports and exit codes, and the fixture for users' own tests."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from alembic_project import Project
from support import Run
from tsmigrate.url import DatabaseUrl

LOSSY = "ALTER TABLE t ALTER a_column_with_a_long_name DROP NOT NULL"


@pytest.fixture
def lossy(project: Project) -> Project:
    project.revision("a1", "CREATE TABLE t (a_column_with_a_long_name int NOT NULL)", "DROP TABLE t")
    project.revision("b2", LOSSY, "SELECT 1", after="a1")
    return project


def test_the_text_names_revision_and_object_in_80_columns(
    tsmigrate: Run, lossy: Project, plain_database: DatabaseUrl
) -> None:
    done = tsmigrate("rollback-test", "-c", lossy.ini, "--url", plain_database.full, "--crash", "none")
    assert done.returncode == 1
    assert "! b2   the downgrade does not restore: TABLE public.t" in done.stdout
    assert "2 revisions tested: 1 difference\non PostgreSQL" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "revision b2 (2 of 2)" in done.stderr


def test_json_has_the_same_findings(tsmigrate: Run, lossy: Project, plain_database: DatabaseUrl) -> None:
    arguments = ("-c", lossy.ini, "--url", plain_database.full, "--crash", "none", "--format", "json")
    document = json.loads(tsmigrate("rollback-test", *arguments).stdout)
    assert (document["command"], document["summary"]["differences"]) == ("rollback-test", 1)
    assert [each["check"] for each in document["findings"] if each["severity"] == "warning"] == ["b2"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-c", "no_such.ini"], 2),
        (["--rows", "-1"], 2),
        (["--url", "postgresql://127.0.0.1:1/x", "--edition", "apache"], 2),
        (["--url", "postgresql://127.0.0.1:1/x"], 3),
        (["--crash", "twice"], 2),
    ],
)
def test_wrong_use_and_no_server_are_told_apart(
    tsmigrate: Run, lossy: Project, arguments: list[str], code: int
) -> None:
    done = tsmigrate("rollback-test", *arguments, cwd=lossy.folder)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_the_fixture_fails_a_users_test_with_the_diff(lossy: Project, plain_database: DatabaseUrl) -> None:
    (lossy.folder / "test_it.py").write_text(
        "from tsmigrate.verify.pytest import rollback_test\n"
        f"GIVEN = dict(ini={str(lossy.ini)!r}, url={plain_database.full!r})\n"
        "def test_all(rollback_test): rollback_test(**GIVEN, rows=0)\n"
        "def test_one(rollback_test): rollback_test(**GIVEN, last='a1')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", lossy.folder, lossy.folder]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=lossy.folder)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "b2: the downgrade does not restore: TABLE public.t" in done.stdout
    assert "-    a_column_with_a_long_name integer NOT NULL" in done.stdout
