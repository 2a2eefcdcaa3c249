"""Moments and spans as people say them. PostgreSQL knows years that Python does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tsmigrate.advise.judge import words
from tsmigrate.convert.words import duration

_DAY = 86_400


def day(moment: float) -> str:
    """With the minute, where it is no whole day."""
    told = words.date(moment)
    if not told[0].isdigit() or not moment % _DAY:
        return told
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment):%Y-%m-%d %H:%M}"


def clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def position(value: float, *, by_number: bool) -> str:
    """A value of a partition column."""
    return f"{value:.0f}" if by_number else day(value)


def when(moment: float, now: float) -> str:
    """`2026-11-22 06:00 (in 12 h)`, `5 min ago`."""
    away = moment - now
    told = f"in {span(away)}" if away >= 0 else f"{span(-away)} ago"
    return f"{day(moment)} ({told})"


def span(seconds: float) -> str:
    return duration(seconds) if seconds < 4 * _DAY else words.days(seconds / _DAY)
