"""What a project's Alembic configuration says, read without Alembic.

Alembic keeps its settings in alembic.ini's `[alembic]` or, since 1.16, in pyproject.toml's `[tool.alembic]`.
tsmigrate's own live beside them under the same names (`tsmigrate.lock_timeout` and so on).
"""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsmigrate.errors import UsageError

DEFAULT_INI = Path("alembic.ini")
PYPROJECT = Path("pyproject.toml")


@dataclass(frozen=True)
class AlembicSettings:
    """The options of a project's Alembic configuration, with `%(here)s` filled in, and the files they stand in."""

    files: tuple[Path, ...]
    options: Mapping[str, str]
    origins: Mapping[str, Path]  # the file that each option comes from

    @property
    def script_location(self) -> Path | None:
        """The folder that holds env.py. None where the option is absent or names a Python package."""
        location = self.options.get("script_location")
        return Path(location) if location and ":" not in location else None

    @property
    def env_py(self) -> Path | None:
        """As the user would type it from here."""
        if self.script_location is None:
            return None
        path = self.script_location / "env.py"
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find(ini: Path | None = None) -> AlembicSettings | None:
    """What `ini` (or ./alembic.ini) and ./pyproject.toml say, as Alembic reads them. None: there are none."""
    if ini is not None and not ini.exists():
        raise UsageError(f"{ini} does not exist", mend="name the Alembic configuration with -c, or run in its folder")
    # Where both speak, the ini file wins.
    found = {path: _read(path) for path in (PYPROJECT, ini or DEFAULT_INI) if path.exists()}
    files = tuple(path for path, options in found.items() if options)
    if not files:
        return None
    return AlembicSettings(
        files=files,
        options={name: value for path in files for name, value in found[path].items()},
        origins={name: path for path in files for name in found[path]},
    )


def _read(path: Path) -> Mapping[str, str]:
    here = path.absolute().parent
    try:
        content = path.read_text(encoding="utf-8")
        return _toml_options(content, here) if path.suffix == ".toml" else _ini_options(content, here)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", mend="make it readable or name another with -c"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", mend="save it as UTF-8") from error
    except (configparser.Error, tomllib.TOMLDecodeError) as error:
        # Only the kind and the place: the parser's own message may quote a line that holds a password.
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise UsageError(
            f"{path} is not valid{where}: {type(error).__name__}",
            mend="mend the file; a literal % is written %% in an ini file",
        ) from None


def _ini_options(content: str, here: Path) -> dict[str, str]:
    parser = configparser.ConfigParser({"here": str(here).replace("%", "%%")})
    parser.read_string(content)
    if not parser.has_section("alembic"):
        return {}
    return {name: value for name, value in parser.items("alembic") if name != "here"}


def _toml_options(content: str, here: Path) -> dict[str, str]:
    table = tomllib.loads(content).get("tool", {}).get("alembic", {})
    return {name: value.replace("%(here)s", str(here)) for name, value in table.items() if isinstance(value, str)}
