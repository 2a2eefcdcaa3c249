"""Alembic's configuration is read as Alembic reads it, and unreadable files are named in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tsmigrate import settings
from tsmigrate.errors import UsageError


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_here_and_escaped_percent_signs_are_filled_in(tmp_path: Path) -> None:
    ini = tmp_path / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = %(here)s/mig\nsqlalchemy.url = postgresql://u:a%%40b@h/d\n")
    found = settings.find(ini)
    assert found
    assert found.script_location == tmp_path / "mig"
    assert found.options["sqlalchemy.url"] == "postgresql://u:a%40b@h/d"


def test_nothing_configured_is_none(tmp_path: Path) -> None:
    assert settings.find() is None
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert settings.find() is None


def test_a_named_file_must_exist() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.ini does not exist"):
        settings.find(Path("nowhere.ini"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("alembic.ini", b"no section\n"),
        ("alembic.ini", b"[alembic]\nsqlalchemy.url = postgresql://u:hidden%20@h/d\n"),
        ("alembic.ini", b"[alembic]\na=1\na=2\n"),
        ("alembic.ini", b"\xff\xfe"),
        ("pyproject.toml", b"[tool.alembic\n"),
    ],
    ids=["no section", "bare percent sign", "twice the same", "not text", "broken toml"],
)
def test_a_broken_file_is_named_and_its_content_is_not(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        settings.find()
    assert name in caught.value.message
    assert "hidden" not in caught.value.message


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").mkdir()
    with pytest.raises(UsageError, match=r"alembic\.ini cannot be read"):
        settings.find()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_read_permission_is_named(tmp_path: Path) -> None:
    ini = tmp_path / "alembic.ini"
    ini.write_text("[alembic]\n")
    ini.chmod(0)
    with pytest.raises(UsageError, match="Permission denied"):
        settings.find()
