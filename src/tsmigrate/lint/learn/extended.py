"""Names that a file takes from another module and builds further: `queries.BASE.where(…)`, `BASE + " AND …"`.

What the other module binds to such a name is a beginning, not a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FURTHER = re.compile(rb"\.\s*(?:where|filter|filter_by|having|join|outerjoin|limit)\s*\(|\+=?\s*[rfRF]{0,2}[\"']")
_BEFORE = re.compile(rb"(?:\b(\w+)\s*\.\s*)?\b([A-Za-z_]\w*)\s*$")
_IN_TEXT = re.compile(rb"\{(?:(\w+)\.)?([A-Za-z_]\w*)\}(?=\s*[^\s\"'{}])")
_FURTHEST = 100  # bytes
_OWN = frozenset({b"self", b"cls"})


def names(content: bytes) -> Iterator[str]:
    found = set(_IN_TEXT.findall(content))
    for one in _FURTHER.finditer(content):
        if (before := _BEFORE.search(content, max(0, one.start() - _FURTHEST), one.start())) is not None:
            found.add((before[1] or b"", before[2]))
    for owner, name in found:
        if owner not in _OWN if owner else _is_imported(name, content):
            yield name.decode()


def _is_imported(name: bytes, content: bytes) -> bool:
    statement = rb"^[ \t]*from\b[^\n]*\bimport\b(?:[^\n(]*|\s*\([^)]*)\b%s\b" % name
    return re.search(statement, content, re.MULTILINE) is not None
