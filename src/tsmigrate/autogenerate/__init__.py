"""Autogenerate that understands TimescaleDB. `import tsmigrate.autogenerate` in env.py is all the set-up.

The plugin registers itself under a name that Alembic enables by default (`alembic.autogenerate.*`). It is no entry
point: Alembic 1.18 to 1.20.0 cannot be imported at all when a module is one. Every comparator is registered for
PostgreSQL only: an env.py may migrate other databases too.
"""

from __future__ import annotations

from alembic.runtime.plugins import Plugin

import tsmigrate.ops  # noqa: F401 - makes the operations available as op.…
from tsmigrate.autogenerate import (
    aggregates,
    default_index,
    dropped,
    hypertables,
    partition_column,
    refusals,
    schemas,
)
from tsmigrate.env_py import PLUGIN_NAME


def _register() -> None:
    """Once a process: env.py may run many times in one, and Alembic refuses a name it knows."""
    try:
        plugin = Plugin(PLUGIN_NAME)
    except ValueError:
        return
    for part in (schemas, partition_column, default_index, hypertables, aggregates, dropped, refusals):
        part.setup(plugin)


_register()
