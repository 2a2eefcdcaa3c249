"""The circumstances of one run of an operation: which revision, and the settings that hold for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alembic import context
from alembic.util import CommandError

from tsmigrate.plpgsql import Locking

LOCK_TIMEOUT_MS = Locking.timeout_ms
LOCK_RETRIES = Locking.retries


class OnUnsupported(StrEnum):
    """What becomes of an operation that the server cannot do."""

    ERROR = "error"
    SKIP = "skip"


@dataclass(frozen=True)
class Run:
    revision: str
    locking: Locking
    on_unsupported: OnUnsupported = OnUnsupported.ERROR
    allow_data_loss: bool = False
    progress: bool = True


def of(operation: str) -> Run:
    """The run in which `operation` was called."""
    return Run(
        revision=_revision_running(operation),
        locking=Locking(
            timeout_ms=_number("lock_timeout", LOCK_TIMEOUT_MS), retries=_number("lock_retries", LOCK_RETRIES)
        ),
        on_unsupported=OnUnsupported(_choice("on_unsupported", tuple(OnUnsupported))),
        allow_data_loss=_choice("allow_data_loss", ("false", "true")) == "true",
        progress=_choice("progress", ("on", "off")) == "on",
    )


def _revision_running(operation: str) -> str:
    """Alembic does not tell an operation which revision runs it; the revision's module, which called us, does."""
    for module in _calling_modules():
        if isinstance(module.get("revision"), str) and "down_revision" in module:
            return str(module["revision"])
    raise CommandError(
        f"{operation} was not called from a revision\n  mend: call it from upgrade() or downgrade() of a revision file"
    )


def _calling_modules() -> Iterator[dict[str, Any]]:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        yield frame.f_globals


def _number(name: str, default: int) -> int:
    text = _setting(name)
    if text is None:
        return default
    if not text.isdigit():
        raise CommandError(f"tsmigrate.{name} is {text!r}, not a whole number\n  mend: tsmigrate.{name} = {default}")
    return int(text)


def _choice(name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, the first where nothing is set."""
    text = _setting(name)
    if text is None:
        return choices[0]
    if text.lower() not in choices:
        raise CommandError(f"tsmigrate.{name} is {text!r}\n  mend: set it to {' or '.join(choices)}")
    return text.lower()


def _setting(name: str) -> str | None:
    """`tsmigrate.<name>` from `-x`, else from Alembic's configuration."""
    full_name = f"tsmigrate.{name}"
    try:
        found = context.get_x_argument(as_dictionary=True).get(full_name) or context.config.get_alembic_option(
            full_name
        )
    except (NameError, AttributeError):
        return None  # run without an env.py, as tests and other tools do
    return None if found is None else str(found)
