"""Tables of a TOML file, asked for their keys one by one: what is missing, of another type or left over is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from tsmigrate.errors import UsageError
from tsmigrate.sql import MAX_IDENTIFIER_BYTES

_KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    float: "a number",
}


@dataclass
class Problems:
    file: str
    found: list[str] = field(default_factory=list)

    def add(self, where: str, problem: str) -> None:
        said = f"{where}: {problem}" if where else problem
        if said not in self.found:
            self.found.append(said)

    def told(self) -> None:
        if self.found:
            raise UsageError(
                "\n".join(f"{self.file}: {each}" for each in self.found), mend="docs/generating.md has the keys"
            )


@dataclass(frozen=True)
class Entry:
    where: str
    values: Mapping[str, object]
    problems: Problems
    asked: set[str] = field(default_factory=set)

    def called(self, where: str) -> Entry:
        return replace(self, where=where)

    def wrong(self, key: str, problem: str) -> None:
        self.problems.add(self.where, f"{key} {problem}")

    def text(self, key: str, default: str | None = None) -> str:
        """Required where there is no default."""
        found = self._get(key)
        if found is None:
            if default is None:
                self.wrong(key, "is missing")
            return default or ""
        if not isinstance(found, str) or not found.strip():
            self.wrong(key, f"is {_kind(found)}, not a text")
            return ""
        return found

    def name(self, key: str) -> str:
        """Of something that a database holds."""
        found = self.text(key)
        if "\x00" in found or len(found.encode()) > MAX_IDENTIFIER_BYTES:
            self.wrong(key, f"is no name: PostgreSQL keeps {MAX_IDENTIFIER_BYTES} bytes, without NUL")
            return ""
        return found

    def number(self, key: str) -> int:
        found = self._get(key)
        if isinstance(found, bool) or not isinstance(found, int):
            self.wrong(key, "is missing" if found is None else f"is {_kind(found)}, not a whole number")
            return 0
        return found

    def flag(self, key: str) -> bool:
        found = self._get(key)
        if found is not None and not isinstance(found, bool):
            self.wrong(key, f"is {_kind(found)}, not true or false")
        return found is True

    def span(self, key: str, *, required: bool = False) -> str | int | None:
        found = self._get(key)
        if found is None and not required:
            return None
        if isinstance(found, str) and found.strip():
            return found
        if isinstance(found, int) and not isinstance(found, bool) and found > 0:
            return found
        said = "is missing" if found is None else f"is {_kind(found)}"
        self.wrong(key, f'{said}: give an interval such as "1 day", or a whole number above 0 for a column of numbers')
        return None

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        found = self.text(key, default)
        if found in choices or (default is not None and found == default):
            return found
        if found:
            self.wrong(key, f"is {found!r}: it is one of {', '.join(choices)}")
        return choices[0]

    def choices(self, key: str, choices: Sequence[str]) -> dict[str, str]:
        given = self.texts(key)
        for name, chosen in given.items():
            if chosen not in choices:
                self.wrong(f"{key}.{name}", f"is {chosen!r}: it is one of {', '.join(choices)}")
        return {name: chosen for name, chosen in given.items() if chosen in choices}

    def names(self, key: str) -> tuple[str, ...]:
        found = self._get(key)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
            self.wrong(key, f'is {_kind(found)}, not a list of texts such as ["id", "at"]')
            return ()
        return tuple(found)

    def texts(self, key: str) -> dict[str, str]:
        found = self._get(key)
        if found is None:
            return {}
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            self.wrong(key, f'is {_kind(found)}, not a table of texts such as {{ id = "id" }}')
            return {}
        return found

    def entry(self, key: str) -> Entry | None:
        found = self._get(key)
        if found is None:
            return None
        where = f"{self.where}: {key}" if self.where else key
        if not isinstance(found, dict):
            self.wrong(key, f"is {_kind(found)}, not a table")
            return None
        return Entry(where, found, self.problems)

    def entries(self, key: str) -> list[Entry]:
        """`[[key]]`, any number of times."""
        found = self._get(key)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.wrong(key, f"is written [[{key}]]")
            return []
        return [Entry(f"{key} {place}", each, self.problems) for place, each in enumerate(found, start=1)]

    def done(self) -> None:
        """Whatever was not asked for is nothing that is known."""
        for key in self.values:
            if key not in self.asked:
                near = get_close_matches(key, self.asked, n=1)
                meant = f"; is {near[0]} meant?" if near else f"; known are {', '.join(sorted(self.asked))}"
                self.problems.add(self.where, f"unknown key {key}{meant}")

    def _get(self, key: str) -> object:
        self.asked.add(key)
        return self.values.get(key)


def _kind(value: object) -> str:
    if value == "":
        return "empty"
    return _KINDS.get(type(value), f"{type(value).__name__}")
