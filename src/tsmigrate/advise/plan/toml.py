"""Values and comments as TOML has them. The standard library reads TOML, and does not write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from textwrap import wrap

WIDTH = 100
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def value(given: object) -> str:
    match given:
        case bool():
            return "true" if given else "false"
        case int():
            return str(given)
        case str():
            # JSON escapes what TOML wants escaped, but for DEL.
            return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return "{ " + ", ".join(f"{key(name)} = {value(each)}" for name, each in given.items()) + " }"
        case Iterable():
            return f"[{', '.join(map(value, given))}]"
    raise TypeError(f"{given!r} is nothing that a plan holds")


def key(name: str) -> str:
    return name if _BARE.fullmatch(name) else value(name)


def line(name: str, given: object) -> str:
    return f"{key(name)} = {value(given)}"


def comment(text: str) -> list[str]:
    plain = "".join(each if each.isprintable() else " " for each in text)
    return wrap(plain, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def commented_out(lines: Iterable[str]) -> list[str]:
    return [f"#{each}" for each in lines]
