"""Source of calls, laid out as ruff and black do it: for revisions and models that are written for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent, wrap

WIDTH = 120
_STEP = "    "


@dataclass(frozen=True)
class Code:
    """Source as it stands, among values that become literals."""

    text: str


@dataclass(frozen=True)
class Argument:
    keyword: str | None
    value: object

    def __str__(self) -> str:
        return f"{self.keyword}={written(self.value)}" if self.keyword else written(self.value)


def arguments(*values: object, **by_keyword: object) -> list[Argument]:
    return [Argument(None, value) for value in values] + [Argument(*each) for each in by_keyword.items()]


def written(value: object) -> str:
    """`value` as source: text between double quotes, lines of SQL between three."""
    match value:
        case Code(text):
            return text
        case str() if "\n" in value and _survives_indenting(value):
            return f'"""\n{dedent(value).strip()}\n"""'
        case str():
            return _text(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case tuple():
            return f"({', '.join(map(written, value))}{',' * (len(value) == 1)})"
        case dict():
            return "{" + ", ".join(f"{written(key)}: {written(each)}" for key, each in value.items()) + "}"
    return repr(value)


def _text(value: str) -> str:
    plain = repr(value)
    return f'"{plain[1:-1]}"' if plain[0] == "'" and '"' not in value else plain


def _survives_indenting(text: str) -> bool:
    """SQL between whose lines blanks mean nothing: no quotation goes over the end of a line."""
    odd = any(line.count(quote) % 2 for line in text.split("\n") for quote in "'\"")
    return not (odd or "\\" in text or '"""' in text or "$$" in text or (not text.isprintable() and _controls(text)))


def _controls(text: str) -> bool:
    return any(not each.isprintable() and each != "\n" for each in text)


def call(name: str, given: Sequence[Argument], width: int = WIDTH) -> str:
    """The call on one line, else its arguments on one, else on a line each."""
    texts = list(map(str, given))
    joined = ", ".join(texts)
    if "\n" not in joined:
        if len(name) + len(joined) + 2 <= width:
            return f"{name}({joined})"
        if len(_STEP) + len(joined) <= width:
            return f"{name}(\n{_STEP}{joined}\n)"
    return f"{name}(\n" + "".join(f"{indent(text, _STEP)},\n" for text in texts) + ")"


def comments(notes: Iterable[str], width: int = WIDTH) -> list[str]:
    return [line for note in notes for line in wrap(note, width, initial_indent="# ", subsequent_indent="# ")]
