"""How far a database is from a project's revisions. Reads the revisions' files, and runs no env.py."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tsmigrate import settings
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.schema_text import VERSION_TABLE
from tsmigrate.env_py import EnvPy
from tsmigrate.errors import UsageError
from tsmigrate.sql import literal, raw
from tsmigrate.verify.history import with_all_needed


@dataclass(frozen=True)
class Drift:
    files: str  # where the project's configuration is
    heads: tuple[str, ...]  # of the project
    applied: tuple[str, ...]  # that the database says it has
    unknown: tuple[str, ...]  # of them those that the project does not have
    pending: tuple[str, ...]  # the project's that are not applied
    other_tables: tuple[Relation, ...]  # there are more of Alembic's tables, and the first was read
    has_table: bool

    @property
    def is_current(self) -> bool:
        return not self.unknown and not self.pending


def drift(connection: Connection, ini: Path | None) -> Drift | None:
    """None: there is no Alembic project here."""
    found = settings.find(ini)
    if found is None or "script_location" not in found.options:
        return None
    files = " and ".join(map(str, found.files))
    script = _script(ini or settings.DEFAULT_INI, files)
    tables = _tables(connection, script)
    applied: tuple[str, ...] = ()
    if tables:
        applied = tuple(sorted(connection.execute(raw(f"SELECT version_num FROM {tables[0]}")).scalars()))
    try:
        with _quiet():
            known = {each.revision: each for each in script.walk_revisions()}
            heads = tuple(sorted(script.get_heads()))
            needed = with_all_needed(script, tuple(each for each in applied if each in known))
    except Exception as error:  # a revision is Python, and may fail in any way
        raise _unreadable(files, error) from error
    return Drift(
        files=files,
        heads=heads,
        applied=applied,
        unknown=tuple(each for each in applied if each not in known),
        pending=tuple(each for each in reversed(list(known)) if each not in needed),
        other_tables=tuple(tables[1:]),
        has_table=bool(tables),
    )


def _script(ini: Path, files: str) -> ScriptDirectory:
    pyproject = settings.PYPROJECT if settings.PYPROJECT.exists() else None
    try:
        return ScriptDirectory.from_config(Config(ini if ini.exists() else None, toml_file=pyproject))
    except Exception as error:
        raise _unreadable(files, error) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """What revisions print when they are imported would be in the middle of a report."""
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        yield


def _unreadable(files: str, error: Exception) -> UsageError:
    said = next(iter(str(error).splitlines()), "") or type(error).__name__
    return UsageError(f"the revisions that {files} names cannot be read: {said}", mend="see `alembic history`")


def _tables(connection: Connection, script: ScriptDirectory) -> list[Relation]:
    """Alembic's, by the name and the schema that env.py writes out; else by the usual name, in any schema.

    The one that the session would find by itself comes first, whatever our own search_path is by now.
    """
    env = _env(script)
    schema = env.constant("version_table_schema") if env else None
    query = _TABLES.format(
        name=literal((env.constant("version_table") if env else None) or VERSION_TABLE),
        in_schema=f"n.nspname = {literal(schema)}" if schema else "true",
    )
    with connection.begin_nested() as changed_path:
        connection.execute(raw(_USUAL_PATH))
        found = [Relation(*row) for row in connection.execute(raw(query))]
        changed_path.rollback()
    return found


def _env(script: ScriptDirectory) -> EnvPy | None:
    try:
        return EnvPy.read(Path(script.env_py_location))
    except (OSError, SyntaxError, ValueError):
        return None


_USUAL_PATH = "SELECT set_config(name, reset_val, true) FROM pg_catalog.pg_settings WHERE name = 'search_path'"
_TABLES = """
SELECT n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = {name} AND c.relkind IN ('r', 'p') AND {in_schema}
  AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'version_num')
ORDER BY pg_catalog.pg_table_is_visible(c.oid) DESC, n.nspname COLLATE "C"
"""
