"""Intervals: in the words that people use, and by what they come to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.connect import sqlstate
from tsmigrate.errors import UsageError

_CLOCK = re.compile(r"(?<!\d)(?P<sign>-?)(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d+)?)$")


def in_words(interval: str) -> str:
    """PostgreSQL's text of an interval without a clock's colons, and its months in full: `2 hours 30 minutes`."""
    clock = _CLOCK.search(interval)
    words = re.sub(r"\bmon(s?)\b", r"month\1", interval[: clock.start()] if clock else interval).split()
    if clock:
        numbers = (clock["hours"].lstrip("0"), clock["minutes"].lstrip("0"), clock["seconds"].lstrip("0"))
        for number, unit in zip(numbers, ("hour", "minute", "second"), strict=True):
            if number.rstrip("."):
                shown = f"{clock['sign']}{'0' if number.startswith('.') else ''}{number}"
                words += [shown, unit if number == "1" else f"{unit}s"]
    return " ".join(words) or "0 seconds"


@dataclass(frozen=True)
class Length:
    """What an interval comes to. A month is no number of days; a day counts as 24 hours."""

    months: int
    seconds: Decimal

    @property
    def fixed(self) -> Decimal:
        """As TimescaleDB counts the interval of chunks: a month is 30 days there."""
        return self.seconds + self.months * 30 * 86_400


_LENGTH = text("""
SELECT months::int, extract(epoch FROM i - make_interval(months => months::int))
FROM (SELECT i, extract(year FROM i) * 12 + extract(month FROM i) AS months
      FROM CAST(CAST(:interval AS text) AS interval) AS i) AS parts
""")


def length(connection: Connection, interval: str, place: str) -> Length:
    """`place` says where it stands, for whoever has to correct it."""
    try:
        with connection.begin_nested():
            months, seconds = connection.execute(_LENGTH, {"interval": interval}).one()
    except DBAPIError as error:
        if sqlstate(error) not in _NO_INTERVAL:
            raise
        raise UsageError(f"{place} is {interval!r}, which is no interval", mend="write it as '7 days'") from error
    return Length(months, seconds)


# invalid_datetime_format, interval_field_overflow
_NO_INTERVAL = {"22007", "22015"}
