"""What stands in files for psql beside SQL: backslash commands, and the data of COPY … FROM stdin."""

from __future__ import annotations

import re

_META = re.compile(rb"^[ \t]*\\(?![.])[^\n]*", re.MULTILINE)
_AT_END = re.compile(rb"\\g(?:exec|set|desc|x)?\b[^\n]*")
_COPY = re.compile(rb"^copy\b[^;]*\bfrom\s+stdin\b[^;]*;[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE)
_COPY_END = re.compile(rb"^\\\.\r?$", re.MULTILINE)
_QUOTED = re.compile(
    rb"--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
    rb"|\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)?\$|(?P<statement>;)",
    re.DOTALL,
)


def blanked(text: bytes) -> bytes:
    """All of it replaced by spaces: every offset stays."""
    text = _without_copied_data(text)
    text = _outside_quotes(_META, text, b" ")
    return _outside_quotes(_AT_END, text, b";")


def _without_copied_data(text: bytes) -> bytes:
    parts, done = [], 0
    for start in _COPY.finditer(text):
        if start.start() < done:
            continue
        end = _COPY_END.search(text, start.end())
        stop = end.end() if end else len(text)
        parts += [text[done : start.end()], _blank(text[start.end() : stop])]
        done = stop
    return b"".join([*parts, text[done:]]) if parts else text


def _blank(text: bytes) -> bytes:
    """As many spaces, with the line ends kept."""
    return b"\n".join(b" " * len(line) for line in text.split(b"\n"))


def _outside_quotes(pattern: re.Pattern[bytes], text: bytes, first: bytes) -> bytes:
    matches = list(pattern.finditer(text))
    if not matches:
        return text
    quoted = [found.span() for found in _QUOTED.finditer(text) if found["statement"] is None]
    parts, done, at = [], 0, 0
    for found in matches:
        while at < len(quoted) and quoted[at][1] <= found.start():
            at += 1
        inside = at < len(quoted) and quoted[at][0] <= found.start()
        if inside or found.start() < done:
            continue
        parts += [text[done : found.start()], first + b" " * (len(found[0]) - 1)]
        done = found.end()
    return b"".join([*parts, text[done:]])


def by_semicolons(text: bytes) -> list[tuple[int, int]]:
    """The fallback where the scanner stops (an unclosed quote somewhere): at semicolons outside of quotes."""
    found, start = [], 0
    for token in _QUOTED.finditer(text):
        if token["statement"] is not None:
            found.append((start, token.start() - start))
            start = token.end()
    if text[start:].strip():
        found.append((start, len(text) - start))
    return found
