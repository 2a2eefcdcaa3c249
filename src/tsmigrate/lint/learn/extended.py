"""Names that a file takes from another module and builds further: `queries.BASE.where(…)`, `BASE + " AND …"`.

What the other module binds to such a name is a beginning, not a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FURTHER = re.compile(rb"\.\s*(?:where|filter|filter_by|having|join|outerjoin|limit)\s*\(|\+=?\s*[rfRF]{0,2}[\"']")
_PATH = re.compile(rb"(?:(\w+)\.)?(\w+)")
_IN_TEXT = re.compile(rb"\{(?:(\w+)\.)?([A-Za-z_]\w*)\}(?=\s*[^\s\"'{}])")
_IMPORTS = re.compile(rb"^[ \t]*(?:from\b[^\n]*\b)?import\b(\s*\([^)]*\)|[^\n(]*)", re.MULTILINE)
_NAME = re.compile(rb"\w+")
_FURTHEST = 100  # bytes


def names(content: bytes) -> Iterator[str]:
    imported = {name for one in _IMPORTS.finditer(content) for name in _NAME.findall(one[1])}
    found = set(_IN_TEXT.findall(content)) if imported else set()
    for one in _FURTHER.finditer(content) if imported else ():
        before = content[max(0, one.start() - _FURTHEST) : one.start()].rstrip()
        if before[-1:].isalnum() or before[-1:] == b"_":
            path = before[max(before.rfind(sign) for sign in (b" ", b"(", b"=", b"\n", b",", b"[")) + 1 :]
            if (its := _PATH.fullmatch(path)) is not None:
                found.add((its[1] or b"", its[2]))
    for owner, name in found:
        if (owner or name) in imported:
            yield name.decode()
