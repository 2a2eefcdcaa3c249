"""How long, or how far back, as a model may say it."""

from __future__ import annotations

from tsmigrate.errors import UsageError

_EXAMPLE = "give an interval such as '1 day', or a whole number where the partition column is one"


def check_span(subject: str, argument: str, value: object) -> None:
    """Refuse what is no length of time on any server; whether it is an interval, the server says."""
    match value:
        case bool():
            pass
        case int() if value > 0:
            return
        case str() if value.strip() and not value.strip().isdigit():
            return
    raise UsageError(f"{subject}: {argument} is {value!r}", mend=_EXAMPLE)


def check_offset(subject: str, argument: str, value: object) -> None:
    """As far back as one likes: to the present, beyond it, or (None) without an end."""
    if value is None or value == "0" or (isinstance(value, int) and not isinstance(value, bool)):
        return
    check_span(subject, argument, value)


def check_schedule(subject: str, value: object) -> None:
    """`schedule_interval`, which is an interval whatever the partition column is."""
    if not isinstance(value, str):
        raise UsageError(f"{subject}: schedule_interval is {value!r}", mend="give an interval such as '12 hours'")
    check_span(subject, "schedule_interval", value)
