"""Which files to lint: those named, and those below named folders that hold code of the project's own."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from tsmigrate.errors import UsageError
from tsmigrate.lint.sources.gitignore import Ignored

SUFFIXES = frozenset(
    {".sql", ".py", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".go", ".java", ".rb"}
)
_SKIPPED = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", "site-packages"}
)


def files(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Iterator[Path]:
    """Each file once. A file that is named is linted even where a folder's would be skipped."""
    seen: set[str] = set()
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist", mend="name files or folders to lint")
        found = [path] if not path.is_dir() else below(path, exclude)
        for one in found:
            key = os.path.normpath(one)
            if key not in seen:
                seen.add(key)
                yield one


def below(folder: Path, exclude: Sequence[str] = ()) -> Iterator[Path]:
    """The files in a folder, sorted. Links to folders are not followed, so that no loop is entered."""
    ignored = Ignored(folder, exclude)
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            continue
        ignored.enter(here)
        folders = []
        for entry in entries:
            path = Path(entry.path)
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = entry.is_file() and stat.S_ISREG(entry.stat().st_mode)
            except OSError:
                continue
            if is_folder:
                if (
                    entry.name not in _SKIPPED
                    and not (path / "pyvenv.cfg").exists()
                    and not ignored.matches(path, True)
                ):
                    folders.append(path)
            elif is_file and path.suffix in SUFFIXES and not ignored.matches(path, False):
                yield path
        waiting += reversed(folders)
