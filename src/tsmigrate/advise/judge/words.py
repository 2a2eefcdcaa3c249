"""How numbers read in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tsmigrate.convert.words import size

__all__ = ["bytes_", "date", "days", "listed", "number", "percent"]

MINUTE, HOUR, DAY = 60, 3600, 86400
bytes_ = size


def number(value: float) -> str:
    """A count: exact when small, with three digits that mean something when large."""
    if value < 10_000:
        return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
    for unit, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if value >= unit:
            return f"{value / unit:.3g} {name}" if value < 1000 * unit else f"{value / unit:,.0f} {name}"
    return f"{value:,.0f}"


def percent(share: float) -> str:
    if 0 < share < 0.01:
        return "under 1 %"
    return f"{share * 100:.0f} %"


def days(count: float) -> str:
    if count < 2:
        return f"{count * 24:.0f} hours"
    return f"{count:,.0f} days" if count < 730 else f"{count / 365.25:.1f} years"


def date(moment: float) -> str:
    """Of seconds since 1970. PostgreSQL knows years that Python does not."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).date().isoformat()
    except OverflowError:
        return "before the year 1" if moment < 0 else "after the year 9999"


def listed(names: Sequence[str]) -> str:
    return ", ".join(names)
