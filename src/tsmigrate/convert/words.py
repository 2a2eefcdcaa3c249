"""Bytes and seconds as people say them."""

from __future__ import annotations

SHORT = 1.5  # seconds: no estimate is finer
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(number: float) -> str:
    """As pg_size_pretty writes it."""
    for unit in UNITS[:-1]:
        if abs(number) < 10 * 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.0f} {UNITS[-1]}"


def duration(seconds: float) -> str:
    """With no more digits than an estimate has."""
    return " ".join(_parts(seconds))


def between(low: float, high: float) -> str:
    if high < SHORT:
        return "about a second"
    (begin, unit), (end, larger) = _parts(max(low, 1)), _parts(high)
    if unit != larger:
        return f"{begin} {unit} to {end} {larger}"
    return f"about {end} {unit}" if begin == end else f"{begin} to {end} {unit}"


def _parts(seconds: float) -> tuple[str, str]:
    if seconds < 100:
        return f"{seconds:.0f}", "s"
    return (f"{seconds / 60:.0f}", "min") if seconds < 100 * 60 else (f"{seconds / 3600:.0f}", "h")
