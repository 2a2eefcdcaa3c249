"""The program starts fast, explains itself, and never shows a traceback for a user's mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tsmigrate as package
from support import Run


def test_help_names_every_command(tsmigrate: Run) -> None:
    done = tsmigrate("--help")
    assert done.returncode == 0
    for command in ("doctor", "sandbox"):
        assert command in done.stdout


@pytest.mark.parametrize("module", ["sqlalchemy", "alembic", "psycopg2", "rich.progress"])
def test_help_imports_nothing_heavy(module: str) -> None:
    """What keeps it under 0.3 seconds."""
    code = (
        "import sys; sys.argv = ['tsmigrate', '--help']\n"
        "from tsmigrate.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_the_version_is_the_packages(tsmigrate: Run) -> None:
    assert tsmigrate("--version").stdout == f"tsmigrate {package.__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["doctor", "--nonsense"], ["sandbox", "up", "--edition", "gold"]])
def test_wrong_use_exits_2(tsmigrate: Run, arguments: list[str]) -> None:
    done = tsmigrate(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback_that_is_hidden_otherwise(tsmigrate: Run) -> None:
    arguments = ("sandbox", "down", "--name", "Not A Name")
    assert "Traceback" not in tsmigrate(*arguments).stderr
    assert "Traceback" in tsmigrate("--debug", *arguments).stderr


@pytest.mark.parametrize("content", ["no section\n", "[alembic]\nsqlalchemy.url = postgresql://u:hidden%2@h/d\n"])
def test_a_broken_alembic_ini_is_one_line_and_exit_2(tsmigrate: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "alembic.ini").write_text(content)
    done = tsmigrate("doctor")
    assert done.returncode == 2
    assert done.stderr.startswith("error: alembic.ini is not valid")
    assert len(done.stderr.splitlines()) == 2
    assert "hidden" not in done.stderr


def test_a_setting_without_a_value_is_wrong_use(tsmigrate: Run) -> None:
    for assignment in ("fsync", "=x", "a b=c", "x=1\ny=2"):
        assert tsmigrate("sandbox", "up", "--set", assignment).returncode == 2
