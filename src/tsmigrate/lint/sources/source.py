"""A source finds SQL in one kind of file. Each is declared for its suffixes and collected by declaration."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import PurePath

from tsmigrate.lint.names import Names
from tsmigrate.lint.snippet import Snippet

# A number stands for so many statements that name no hypertable.
Find = Callable[[bytes, Names], Iterator[Snippet | int]]


class UnreadableError(Exception):
    """A file that is not what its name says."""


_found: dict[str, Find] = {}
# Loaded when the first file of the kind is met: a parser costs time at start.
_MODULES = {
    ".sql": "sql_file",
    ".py": "python_file",
    **dict.fromkeys(
        [".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".go", ".java", ".rb"], "program_file"
    ),
}


def source(*suffixes: str) -> Callable[[Find], Find]:
    def declare(find: Find) -> Find:
        _found.update(dict.fromkeys(suffixes, find))
        return find

    return declare


def finder(path: str) -> Find | None:
    """What finds SQL in this file. None: nothing here does."""
    suffix = PurePath(path).suffix
    if suffix not in _found and suffix in _MODULES:
        importlib.import_module(f"tsmigrate.lint.sources.{_MODULES[suffix]}")
    return _found.get(suffix)
