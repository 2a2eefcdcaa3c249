"""Revision files by the project's own template, names and hooks: made in a folder of their own, then moved in place."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError, rev_id

from tsmigrate.advise.generate.revision import Revision
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.settings import DEFAULT_INI, PYPROJECT

_WIDTH = 100
_CALLED = re.compile(r"\bop\.\w+")
_EXTENSION = re.compile(r"create_timescaledb_extension|create\s+extension\s[^;]*timescaledb", re.IGNORECASE)
_LONGEST_NUMBER = 6  # longer ones are Alembic's own, which happen to have no letter


@dataclass(frozen=True)
class Made:
    """A revision's file, not yet in its place."""

    id: str
    title: str
    file: Path
    place: Path
    folder: Path  # that all of them are in

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Project:
    """A project's Alembic environment."""

    config: Config
    script: ScriptDirectory

    @property
    def head(self) -> str | None:
        heads = self.script.get_heads()
        if len(heads) > 1:
            raise BlockedError(
                f"the history has {len(heads)} heads: {', '.join(sorted(heads))}",
                mend='generated revisions follow one: alembic merge heads -m "…", and upgrade',
            )
        return heads[0] if heads else None

    @property
    def folder(self) -> Path:
        """Where the next revision goes: beside the head."""
        head = self.head
        if head is not None:
            return Path(self.script.get_revision(head).path).parent
        folders = self.script._version_locations
        if len(folders) > 1:
            raise BlockedError(
                f"version_locations names {len(folders)} folders, and no revision says which to take",
                mend="make the first revision there with alembic revision --version-path",
            )
        return Path(folders[0])

    @property
    def creates_extension(self) -> bool:
        """Whether a revision that is there does."""
        return any(
            _EXTENSION.search(Path(each.path).read_text(encoding="utf-8", errors="replace"))
            for each in self.script.walk_revisions()
        )


def project(ini: Path | None) -> Project:
    """As the `alembic` command would find it."""
    if ini is not None and not ini.exists():
        raise UsageError(f"{ini} does not exist", mend="name the Alembic configuration with -c, or run in its folder")
    made = _config(ini)
    if not made.get_alembic_option("script_location"):
        raise UsageError(
            "there is no Alembic environment in this folder",
            mend="run it in the project's folder, or name its alembic.ini with -c; a new project starts with: alembic "
            "init migrations, then tsmigrate init",
        )
    try:
        script = ScriptDirectory.from_config(made)
        script.get_heads()
    except CommandError as error:
        raise UsageError(f"the revisions cannot be read: {error}", mend="see `alembic history`") from error
    return Project(made, script)


def _config(ini: Path | None) -> Config:
    path = ini or DEFAULT_INI
    given = Namespace(config=[str(path)], name="alembic", raiseerr=True, x=None, quiet=True)
    return Config(path if path.exists() else None, toml_file=PYPROJECT if PYPROJECT.exists() else None, cmd_opts=given)


@contextmanager
def made(project: Project, revisions: Sequence[Revision]) -> Iterator[list[Made]]:
    """The files, in a folder that is gone afterwards. They follow each other, and the head."""
    # Within the project: a hook may look for settings from the file's folder upwards.
    with TemporaryDirectory(prefix=".tsmigrate-", dir=_existing(project.folder.parent)) as folder:
        with _said_on_standard_error():
            files = list(_made(project, revisions, Path(folder)))
        yield files


@contextmanager
def _said_on_standard_error() -> Iterator[None]:
    """What Alembic tells, and what hooks print in processes of their own: standard output is for the report."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.absolute().parents) if each.is_dir())


def _made(project: Project, revisions: Sequence[Revision], folder: Path) -> Iterator[Made]:
    script = ScriptDirectory.from_config(project.config)
    script.__class__ = _NamedByTitle
    place = project.folder
    script.version_locations = [*map(str, script._version_locations), str(folder)]
    script.__dict__.pop("_version_locations", None)
    taken = {each.revision for each in script.walk_revisions()}
    ids = _ids(taken)
    for revision in revisions:
        identity = next(ids)
        try:
            generated = script.generate_revision(
                identity,
                _message(revision),
                head="head",
                version_path=folder,
                upgrades=revision.upgrade,
                downgrades=revision.downgrade,
                imports=revision.imports,
            )
        except CommandError as error:
            raise BlockedError(
                f"no revision can be written: {error}", mend="see alembic.ini and script.py.mako"
            ) from error
        if generated is None:
            raise BlockedError(
                f"file_template {script.file_template!r} gives names that Alembic does not read as revisions",
                mend="correct file_template in the Alembic configuration",
            )
        file = Path(generated.path)
        _insist(file, revision)
        yield Made(identity, revision.title, file, place / file.relative_to(folder), folder)


class _NamedByTitle(ScriptDirectory):
    """The name of a file is made of the message, whose first line is the title: the rest is for the header."""

    def _rev_path(self, path: str | os.PathLike[str], rev_id: str, message: str | None, create_date: datetime) -> Path:
        return super()._rev_path(path, rev_id, (message or "").partition("\n")[0], create_date)


def _ids(taken: set[str]) -> Iterator[str]:
    """The project's numbers go on where all of its revisions are numbered; else as Alembic names them."""
    widths = {len(each) for each in taken}
    if taken and all(each.isdigit() for each in taken) and len(widths) == 1 and min(widths) <= _LONGEST_NUMBER:
        width, number = widths.pop(), max(map(int, taken))
        while True:
            number += 1
            yield f"{number:0{width}d}"
    while True:
        if (made := rev_id()) not in taken:
            yield made


def _message(revision: Revision) -> str:
    """What the template puts between three quotes."""
    paragraphs = [_plain(revision.title), *(_filled(each) for each in revision.why)]
    escaped = "\n\n".join(paragraphs).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return escaped[:-1] + '\\"' if escaped.endswith('"') else escaped


def _filled(paragraph: str) -> str:
    return fill(_plain(paragraph), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _insist(file: Path, revision: Revision) -> None:
    """A template for several databases, say, has other places for what a revision does."""
    text = file.read_text(encoding="utf-8")
    for each in (revision.upgrade, revision.downgrade):
        if not all(called in text for called in _CALLED.findall(each)):
            raise BlockedError(
                "script.py.mako does not write what a revision does: it has no ${upgrades} and ${downgrades}",
                mend="let it have them, as in Alembic's template `generic`",
            )


def put_in_place(files: Sequence[Made]) -> None:
    """All of them or none, and over nothing."""
    there: list[Path] = []
    try:
        for each in files:
            each.place.parent.mkdir(parents=True, exist_ok=True)
            _new(each.file, each.place)
            there.append(each.place)
    except BaseException:
        for path in there:
            path.unlink(missing_ok=True)
        raise


def _new(source: Path, target: Path) -> None:
    try:
        with target.open("xb") as file:
            file.write(source.read_bytes())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise BlockedError(
            f"{target} is there already, and nothing is overwritten", mend="move it away, or apply it first"
        ) from error
