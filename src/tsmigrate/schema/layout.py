"""How a columnstore is laid out: what `segmentby` and `orderby` may say, for a model and for an operation alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tsmigrate.errors import UsageError
from tsmigrate.sql import identifier


@dataclass(frozen=True)
class Order:
    """An entry of `orderby`: a column with its direction. What is not said is None: PostgreSQL's default."""

    column: str
    direction: str | None = None
    nulls: str | None = None

    @property
    def descending(self) -> bool:
        return self.direction == "DESC"

    @property
    def nulls_first(self) -> bool:
        """Without a word on it, nulls count as the greatest values."""
        return self.descending if self.nulls is None else self.nulls == "FIRST"

    def __str__(self) -> str:
        """As SQL has it."""
        words = (self.direction, f"NULLS {self.nulls}" if self.nulls else None)
        return " ".join([identifier(self.column), *filter(None, words)])


def parse(subject: str, segmentby: Sequence[str] | None, orderby: Sequence[str] | None) -> list[Order]:
    """The entries of `orderby`, or an error where the two make no sense on any table. `subject` begins it."""
    for argument, value in (("segmentby", segmentby), ("orderby", orderby)):
        if isinstance(value, str):
            raise UsageError(f"{subject}: {argument} is {value!r}", mend="give a list")
    if orderby is not None and not orderby:
        raise UsageError(
            f"{subject} orders by nothing",
            mend="name columns, usually the partition column: orderby=['at DESC']; or leave orderby out",
        )
    order = [_parsed(subject, entry) for entry in orderby or ()]
    named = [*(segmentby or ()), *(entry.column for entry in order)]
    twice = sorted({column for column in named if named.count(column) > 1})
    if twice:
        raise UsageError(
            f"{subject} names {', '.join(map(identifier, twice))} more than once",
            mend="a column is segmented by or ordered by, once",
        )
    return order


def entry(column: str, direction: str = "") -> str:
    """An entry of `orderby` for a column, whatever it is called."""
    name = column if _PLAIN.fullmatch(column) else identifier(column)
    return f"{name} {direction}".strip()


def _parsed(subject: str, entry: str) -> Order:
    found = _ENTRY.fullmatch(entry.strip())
    if found is None:
        raise UsageError(
            f"{subject} cannot order by {entry!r}",
            mend='write a column, then ASC or DESC, then NULLS FIRST or NULLS LAST, as in "at DESC"; a name with '
            "blanks, commas or such goes between double quotes",
        )
    column = found["plain"] or found["quoted"].replace('""', '"')
    return Order(column, *(word.upper() if word else None for word in (found["direction"], found["nulls"])))


_PLAIN = re.compile(r"""[^\s"',;()]+""")
_ENTRY = re.compile(
    r"""(?:(?P<plain>[^\s"',;()]+)|"(?P<quoted>(?:[^"]|"")+)")"""
    r"(?:\s+(?P<direction>ASC|DESC))?(?:\s+NULLS\s+(?P<nulls>FIRST|LAST))?",
    re.IGNORECASE,
)
