"""What is a hypertable? Asked of settings, the live catalog, Alembic revisions, SQL files and models, in this order.

What an earlier source says about a table stands; a later one adds what it does not know. So the later are read first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tsmigrate.lint.known import Hypertable, Known, Name, Step
from tsmigrate.lint.learn.statements import TELLS, Learner
from tsmigrate.lint.settings import LintSettings

if TYPE_CHECKING:
    from tsmigrate.url import DatabaseUrl

_NUMBERED = re.compile(r"[VU]?\d")
_NUMBER = re.compile(r"\d+")
_INI = "alembic.ini"
LARGEST = 64 * 1024 * 1024


def learn(settings: LintSettings, paths: Iterable[Path], start: Path, *, database: DatabaseUrl | None = None) -> Known:
    """All that can be known before the first query is judged."""
    known = Known(search_path=settings.search_path)
    paths = list(paths)
    _number_sql_migrations(paths, known)
    for path in paths:
        if path.suffix == ".sql":
            _sql(path, known)
    if (ini := _ini(start)) is not None:
        from tsmigrate.lint.learn import revisions  # noqa: PLC0415 - not every project has revisions

        for number, found in enumerate(revisions.find(ini)):
            known.revisions[str(found)] = Step("alembic", number)
            revisions.learn(found, known)
    for path in paths:
        if path.suffix == ".py":
            _models(path, known)
    if database is not None:
        from tsmigrate.lint.learn import live  # noqa: PLC0415 - most runs ask no server

        live.learn(database, known)
    for declared in settings.hypertables:
        known.hypertables[declared.name] = _completed(declared, known)
        if declared.columns and declared.name not in known.tables:
            known.tables[declared.name] = {**dict.fromkeys(declared.columns, ""), declared.column: declared.type}
    return known


def _completed(declared: Hypertable, known: Known) -> Hypertable:
    """A declaration stands; a further dimension that only another source knows is kept."""
    other = known.hypertables.get(declared.name)
    if other is None or declared.dimensions:
        return declared
    return replace(declared, dimensions=other.dimensions)


def _sql(path: Path, known: Known) -> None:
    try:
        if path.stat().st_size > LARGEST:
            return
        content = path.read_bytes()
    except OSError:
        return
    if TELLS.search(content) and b"\0" not in content[:4096]:
        Learner(known, str(path)).file(content)


def _number_sql_migrations(paths: Iterable[Path], known: Known) -> None:
    """SQL files that are numbered (0001_init.sql, V12__keys.sql) are applied in that order, folder by folder."""
    numbered = [path for path in paths if path.suffix == ".sql" and _NUMBERED.match(path.name)]
    ordered = sorted(numbered, key=lambda path: (str(path.parent), [int(one) for one in _NUMBER.findall(path.name)]))
    for number, path in enumerate(ordered):
        whole = path.absolute()
        known.revisions[str(whole)] = Step(str(whole.parent), number)


def _ini(start: Path) -> Path | None:
    """The Alembic configuration of the project around `start`."""
    here = start.absolute()
    for folder in (here, *here.parents):
        if (folder / _INI).is_file():
            return folder / _INI
        if (folder / ".git").exists():
            break
    return None


def _models(path: Path, known: Known) -> None:
    from tsmigrate.lint.learn import declarations, extended, models  # noqa: PLC0415 - only Python holds models

    try:
        content = path.read_bytes()
    except OSError:
        return
    known.extended |= {*extended.names(content)}
    if any(tell in content for tell in models.TELLS):
        found = list(models.read(content, known.search_path[0]))
        known.models |= {model.name: model for model in found}
        declared = ((one.table, one.declared, one.types) for one in found if one.declared is not None)
        declarations.learn_tables(declared, known, str(path))
    if declarations.TELLS in content:
        declarations.learn_aggregates(content, known, str(path))


def described(known: Known) -> Sequence[tuple[Name, Hypertable]]:
    return sorted(known.hypertables.items())
