"""Databases as `tests/ops` makes them: what a server cannot do is emulated."""

from __future__ import annotations

from ops.conftest import few_locks, migration, settings

__all__ = ["few_locks", "migration", "settings"]
