"""The circumstances of one run of an operation: which revision, and the settings that hold for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, RevisionStep
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
    """Which revision runs, and whether it is its downgrade. Alembic does not tell an operation; who called us does.

    In a run of Alembic's, its loop holds the step that it is at. Elsewhere (`Operations.context`) the revision is the
    module that called us, and the way is told by the name of its outermost function.
    """
    frames = list(_frames())
    step = next((frame.f_locals.get("step") for frame in frames if frame.f_code is _RUN_STEPS), None)
    if isinstance(step, RevisionStep):
        return step.revision.revision, step.is_downgrade
    module = next((frame.f_globals for frame in frames if _is_revision(frame.f_globals)), None)
    if module is None:
        raise CommandError(
            f"{operation} was not called from a revision\n"
            "  mend: call it from upgrade() or downgrade() of a revision file"
        )
    named = [frame.f_code.co_name for frame in frames if frame.f_globals is module]
    outermost = next((name for name in reversed(named) if name.startswith(("upgrade", "downgrade"))), "")
    return str(module["revision"]), outermost.startswith("downgrade")


_RUN_STEPS = MigrationContext.run_migrations.__code__


def _is_revision(module: dict[str, Any]) -> bool:
    return isinstance(module.get("revision"), str) and "down_revision" in module


def _frames() -> Iterator[FrameType]:
    """Who called us, from the inside out."""
    frame = sys._getframe(1).f_back
    while frame is not None:
        yield frame
        frame = frame.f_back


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
