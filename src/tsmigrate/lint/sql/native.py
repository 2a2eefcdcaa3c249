"""PostgreSQL's own parser: libpg_query, called by ctypes.

The library comes in postgast's wheel. It is loaded from there without importing postgast, whose protobuf classes cost
more at start than a pre-commit run on ten files; the JSON tree through orjson is also the faster way (docs/
measurements.md).
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from tsmigrate.errors import UsageError

Node = dict[str, Any]
_FILES = {"linux": "libpg_query.so", "darwin": "libpg_query.dylib", "win32": "pg_query.dll"}
# PL/pgSQL trees leave out every field that holds nothing, and then write one brace too many.
_EMPTY_DATUM = b"{}}"


class _Error(ctypes.Structure):
    _fields_ = (
        ("message", ctypes.c_char_p),
        ("funcname", ctypes.c_char_p),
        ("filename", ctypes.c_char_p),
        ("lineno", ctypes.c_int),
        ("cursorpos", ctypes.c_int),
        ("context", ctypes.c_char_p),
    )


class _ParseResult(ctypes.Structure):
    _fields_ = (("tree", ctypes.c_char_p), ("stderr", ctypes.c_char_p), ("error", ctypes.POINTER(_Error)))


class _PlpgsqlResult(ctypes.Structure):
    _fields_ = (("tree", ctypes.c_char_p), ("error", ctypes.POINTER(_Error)))


class _Part(ctypes.Structure):
    _fields_ = (("location", ctypes.c_int), ("length", ctypes.c_int))


class _SplitResult(ctypes.Structure):
    _fields_ = (
        ("parts", ctypes.POINTER(ctypes.POINTER(_Part))),
        ("count", ctypes.c_int),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


class _FingerprintResult(ctypes.Structure):
    _fields_ = (
        ("fingerprint", ctypes.c_uint64),
        ("text", ctypes.c_char_p),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


@dataclass
class ParseError(Exception):
    """What the parser could not read, and at which byte of the text."""

    reason: str
    offset: int

    def __str__(self) -> str:
        return self.reason


@cache
def _library() -> ctypes.CDLL:
    package = importlib.util.find_spec("postgast")
    if package is None or not package.submodule_search_locations:
        raise UsageError("the SQL parser is not installed", mend="pip install postgast")
    folder = Path(package.submodule_search_locations[0])
    library = ctypes.CDLL(str(folder / _FILES.get(sys.platform, "libpg_query.so")))
    calls = {
        "parse": (_ParseResult, "free_parse_result"),
        "parse_plpgsql": (_PlpgsqlResult, "free_plpgsql_parse_result"),
        "split_with_scanner": (_SplitResult, "free_split_result"),
        "split_with_parser": (_SplitResult, "free_split_result"),
        "fingerprint": (_FingerprintResult, "free_fingerprint_result"),
    }
    for name, (result, free) in calls.items():
        call = getattr(library, f"pg_query_{name}")
        call.argtypes, call.restype = [ctypes.c_char_p], result
        release = getattr(library, f"pg_query_{free}")
        release.argtypes, release.restype = [result], None
    return library


def parse(text: bytes) -> list[Node]:
    """The statements in `text`: `{"stmt": …, "stmt_location": …, "stmt_len": …}`, offsets in bytes."""
    library = _library()
    result = library.pg_query_parse(text)
    try:
        _check(result)
        statements: list[Node] = _loads(result.tree).get("stmts", [])
        return statements
    finally:
        library.pg_query_free_parse_result(result)


def parse_plpgsql(text: bytes) -> list[Node]:
    """The PL/pgSQL functions that a CREATE FUNCTION or DO statement defines."""
    library = _library()
    result = library.pg_query_parse_plpgsql(text)
    try:
        _check(result)
        tree = result.tree
        for before in (b"[", b","):
            tree = tree.replace(before + _EMPTY_DATUM, before + b"{}")
        functions: list[Node] = _loads(tree)
        return functions
    finally:
        library.pg_query_free_plpgsql_parse_result(result)


def split(text: bytes, *, by_parser: bool = False) -> list[tuple[int, int]]:
    """Where each statement begins and how long it is. The scanner needs no valid SQL; the parser knows BEGIN ATOMIC."""
    library = _library()
    call = library.pg_query_split_with_parser if by_parser else library.pg_query_split_with_scanner
    result = call(text)
    try:
        _check(result)
        found = []
        for part in result.parts[: result.count]:
            content = part.contents
            found.append((content.location, content.length))
        return found
    finally:
        library.pg_query_free_split_result(result)


class _Keywords(ctypes.Structure):
    _fields_ = (
        ("words", ctypes.POINTER(ctypes.c_char)),
        ("offsets", ctypes.POINTER(ctypes.c_uint16)),
        ("hash", ctypes.c_void_p),
        ("count", ctypes.c_int),
        ("longest", ctypes.c_int),
    )


@cache
def keywords() -> frozenset[bytes]:
    """The grammar's own words, lower case, from the table of its scanner. Empty where the library does not show it."""
    try:
        table = _Keywords.in_dll(_library(), "ScanKeywords")
    except ValueError:
        return frozenset()
    begin = ctypes.cast(table.words, ctypes.c_void_p).value or 0
    return frozenset(ctypes.string_at(begin + table.offsets[number]) for number in range(table.count))


def fingerprint(text: bytes) -> str:
    """The same for statements that differ in literals, parameters and layout only. Empty for what does not parse."""
    library = _library()
    result = library.pg_query_fingerprint(text)
    try:
        return "" if result.error else result.text.decode()
    finally:
        library.pg_query_free_fingerprint_result(result)


def _check(result: Any) -> None:
    if result.error:
        error = result.error.contents
        raise ParseError((error.message or b"unreadable").decode("utf-8", "replace"), max(error.cursorpos - 1, 0))


def _loads(tree: bytes) -> Any:
    try:
        return orjson.loads(tree)
    except orjson.JSONDecodeError as error:
        reason = "nested too deeply" if "depth" in str(error) else f"unreadable tree: {error}"
        raise ParseError(reason, 0) from None
