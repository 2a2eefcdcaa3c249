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
    EMULATE = "emulate"


@dataclass(frozen=True)
class Run:
    revision: str
    locking: Locking
    on_unsupported: OnUnsupported = OnUnsupported.ERROR
    allow_data_loss: bool = False
    progress: bool = True
    downgrading: bool = False
    """What is done is the downgrade of something: nothing has to be remembered for the way back from it."""


def of(operation: str, unsupported: str | None = None) -> Run:
    """The run in which `operation` was called, which may say for itself what becomes of it where it is unsupported."""
    revision, downgrading = _revision_running(operation)
    return Run(
        revision=revision,
        downgrading=downgrading,
        locking=Locking(
            timeout_ms=_number("lock_timeout", LOCK_TIMEOUT_MS), retries=_number("lock_retries", LOCK_RETRIES)
        ),
        on_unsupported=_said(operation, unsupported) if unsupported else on_unsupported(),
        allow_data_loss=_choice("allow_data_loss", ("false", "true")) == "true",
        progress=_choice("progress", ("on", "off")) == "on",
    )


def on_unsupported() -> OnUnsupported:
    """What `tsmigrate.on_unsupported` says."""
    return OnUnsupported(_choice("on_unsupported", tuple(OnUnsupported)))


def _said(operation: str, unsupported: str) -> OnUnsupported:
    if unsupported not in tuple(OnUnsupported):
        raise CommandError(
            f"{operation} was called with on_unsupported={unsupported!r}\n  mend: say {' or '.join(OnUnsupported)}"
        )
    return OnUnsupported(unsupported)


def _revision_running(operation: str) -> tuple[str, bool]:
    """Alembic does not tell an operation which revision runs it, and which way; the module that called us does.

    An environment of several databases has `downgrade_<name>` beside `downgrade`.
    """
    calls = list(_calls())
    for module, _ in calls:
        if isinstance(module.get("revision"), str) and "down_revision" in module:
            functions = [name for other, name in calls if other is module]
            return str(module["revision"]), any(name.startswith("downgrade") for name in functions)
    raise CommandError(
        f"{operation} was not called from a revision\n  mend: call it from upgrade() or downgrade() of a revision file"
    )


def _calls() -> Iterator[tuple[dict[str, Any], str]]:
    """Who called us, from the inside out: what the module holds, and the function."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        yield frame.f_globals, frame.f_code.co_name


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
