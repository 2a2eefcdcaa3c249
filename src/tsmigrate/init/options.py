"""tsmigrate's settings, as comments where the project keeps Alembic's."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

from tsmigrate.init.edit import ByHand, Change, Text
from tsmigrate.plpgsql import Locking
from tsmigrate.settings import AlembicSettings

# With the values that hold unless they are set.
OPTIONS = {
    "tsmigrate.lock_timeout": str(Locking.timeout_ms),
    "tsmigrate.lock_retries": str(Locking.retries),
    "tsmigrate.on_unsupported": "error",
    "tsmigrate.allow_data_loss": "false",
}
_EXPLAINED = (
    "tsmigrate's operations: how long to wait for a lock (ms) and how often, what becomes of one that the",
    "server cannot do (error or skip), and whether rows may be lost. For one run: -x tsmigrate.lock_retries=3",
)


def planned(configuration: AlembicSettings) -> tuple[Change | None, tuple[ByHand, ...]]:
    path = configuration.origins.get("script_location", configuration.files[-1])
    before = path.read_bytes()
    text = before.decode()
    if re.search(r"^[ \t]*[#;]?[ \t]*\"?tsmigrate\.\w", text, re.MULTILINE):
        return None, ()
    is_toml = path.suffix == ".toml"
    line = _toml_line(text) if is_toml else _ini_line(text)
    if line is not None:
        laid_out = Text(text)
        added = laid_out.line_end.join(_lines(is_toml=is_toml))
        after = laid_out.edited([laid_out.put_line_after(line, added)])
        if _says(path, after) == _says(path, text):
            return Change(path, before, after.encode()), ()
    mend = "add below [tool.alembic] what you want to set" if is_toml else "add to [alembic] what you want to set"
    return None, (ByHand(path, 1, "the place for tsmigrate's settings is not found", f"{mend}: {', '.join(OPTIONS)}"),)


def _lines(*, is_toml: bool) -> list[str]:
    options = (f'"{name}" = "{value}"' if is_toml else f"{name} = {value}" for name, value in OPTIONS.items())
    return [f"# {line}" for line in (*_EXPLAINED, *options)]


def _toml_line(text: str) -> int | None:
    """That of the table's head: what follows it may have lines of any look."""
    heads = [number for number, line in _numbered(text) if re.match(r"\s*\[\s*tool\s*\.\s*alembic\s*\]", line)]
    return heads[0] if heads else None


def _ini_line(text: str) -> int | None:
    """The last of the section that holds an option or goes on with one."""
    last, inside = None, False
    for number, line in _numbered(text):
        if line.startswith("["):
            inside = line.startswith("[alembic]")
        if inside and line.strip() and not line.lstrip().startswith(("#", ";")):
            last = number
    return last


def _numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(re.split(r"\r\n|\r|\n", text), start=1))


def _says(path: Path, text: str) -> object:
    """What the file means: comments leave it as it is."""
    if path.suffix == ".toml":
        return tomllib.loads(text)
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(section) for name, section in parser.items()}
