"""What a rule is: a function that looks at one reading of a hypertable or at one statement and tells what is wrong.

A rule is declared where it stands and collected by declaration. Its docstring is its page: what the problem is, what
the server does, how to mend it, when to suppress it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from tsmigrate.lint.options import ABOUT, EVERY_RULE
from tsmigrate.lint.sql.bounds import Bound, Seen, Trouble
from tsmigrate.lint.violation import Severity

if TYPE_CHECKING:
    from tsmigrate.lint.known import Hypertable, Known
    from tsmigrate.lint.sql.judge import Reading
    from tsmigrate.lint.sql.native import Node
    from tsmigrate.lint.target import Target


class About(Enum):
    """What a rule looks at."""

    CAUSE = 0  # a reading of all chunks: what in the statement makes it one
    STATEMENT_KIND = 1  # a reading of all chunks for which nothing in particular is to blame
    REST = 2
    PRUNED = 3  # a reading that excludes chunks, and could do better
    STATEMENT = 4  # a statement as such
    SOURCE = 5  # told by what reads the source, not by a function


@dataclass(frozen=True)
class Told:
    """What a rule says. Offsets are of the statement's text; -1: where the table stands."""

    message: str
    hint: str = ""
    start: int = -1
    insert: tuple[int, str] | None = None  # a safe fix: this text at that offset
    replace: tuple[int, int, str] | None = None
    table: str = ""


@dataclass(frozen=True)
class Statement:
    """The statement that a rule looks into."""

    text: bytes
    node: Node
    known: Known
    target: Target
    search_path: tuple[str, ...] | None = None


Look = Callable[["Reading", Statement], Told | None]


@dataclass(frozen=True)
class Rule:
    code: str
    name: str
    severity: Severity
    about: About
    look: Callable[..., Told | list[Told] | None]
    page: str
    options: tuple[str, ...] = EVERY_RULE

    @property
    def summary(self) -> str:
        return self.page.splitlines()[0]


_rules: dict[str, Rule] = {}


def rule(
    code: str, severity: Severity, about: About = About.CAUSE, *, options: tuple[str, ...] = ()
) -> Callable[[Callable[..., object]], Rule]:
    """Declare the decorated function a rule, by its own name and with its docstring as page.

    `options`: what it takes beside what every rule does.
    """

    def declare(look: Callable[..., object]) -> Rule:
        from inspect import cleandoc  # noqa: PLC0415 - pages are read when asked for

        name = look.__name__.replace("_", "-")
        taken = EVERY_RULE + options
        page = f"{cleandoc(look.__doc__ or '')}\n\n**Options** in `[tool.tsmigrate.lint.{code}]`:\n"
        page += "".join(f"\n- {ABOUT[option]}" for option in taken)
        _rules[code] = Rule(code, name, severity, about, look, page, taken)  # type: ignore[arg-type]
        return _rules[code]

    return declare


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by code: each module in this package named after one declares it."""
    from tsmigrate.lint import rules as package  # noqa: PLC0415

    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("tsq"):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(_rules[code] for code in sorted(_rules))


# -- words that several rules use ------------------------------------------------------------------------------------


def column(reading: Reading) -> str:
    """The partition column as the query would name it."""
    name = reading.relation.name or reading.table.name.name
    return f"{quoted(name)}.{quoted(reading.table.column)}"


def quoted(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and not name[:1].isdigit()
    return name if plain else '"' + name.replace('"', '""') + '"'


def table(hypertable: Hypertable) -> str:
    return str(hypertable.name)


def trouble(reading: Reading, *wanted: Trouble) -> Seen | None:
    return next((seen for seen in reading.troubles if seen.trouble in wanted), None)


def example(reading: Reading) -> str:
    """A range to add, in the query's own name for the column."""
    name = column(reading)
    return f"{name} >= … AND {name} < …"


def place(bound: Bound | Seen | None) -> int:
    return bound.location if bound else -1
