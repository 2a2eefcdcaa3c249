"""Prepare an existing Alembic project for tsmigrate: what to change in which file, and what is left to do by hand.

Nothing is changed that is not understood: env.py is a program of the team's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsmigrate import settings
from tsmigrate.env_py import PLUGIN, TRANSACTIONS, EnvPy
from tsmigrate.errors import UsageError
from tsmigrate.init import env, options
from tsmigrate.init.edit import ByHand, Change


@dataclass(frozen=True)
class Plan:
    """The changes, and the lines that are left to the reader."""

    changes: tuple[Change, ...]
    by_hand: tuple[ByHand, ...]


def plan(ini: Path | None) -> Plan:
    """What the project that `ini` (or this folder's configuration) describes lacks."""
    configuration = settings.find(ini)
    if configuration is None:
        raise UsageError(
            "no Alembic environment in this folder",
            mend="make one first: alembic init migrations (with asyncio: alembic init -t async migrations); "
            "or name its alembic.ini with -c",
        )
    set_here, set_by_hand = options.planned(configuration)
    changed, by_hand = env.planned(_env_py(configuration))
    found = (set_here, changed)
    return Plan(tuple(change for change in found if change), (*set_by_hand, *by_hand))


def _env_py(configuration: settings.AlembicSettings) -> EnvPy:
    named = " and ".join(str(path) for path in configuration.files)
    path = configuration.env_py
    if path is None:
        raise UsageError(
            f"script_location in {named} is missing or names a Python package, so env.py is not found",
            mend=f"add to it by hand: import {PLUGIN}; and to each context.configure: {TRANSACTIONS}=True",
        )
    try:
        return EnvPy.read(path)
    except (OSError, SyntaxError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid Python"
        raise UsageError(
            f"{path} cannot be read: {reason}",
            mend=f"{named} points to it (script_location): correct that, or mend the file",
        ) from error
