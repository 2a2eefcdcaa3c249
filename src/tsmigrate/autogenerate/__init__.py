"""Autogenerate that understands TimescaleDB. `import tsmigrate.autogenerate` in env.py is all the set-up.

The plugin registers itself under a name that Alembic enables by default (`alembic.autogenerate.*`). It is no entry
point: Alembic 1.18 to 1.20.0 cannot be imported at all when a module is one.
"""

from __future__ import annotations

from alembic.runtime.plugins import Plugin

import tsmigrate.ops  # noqa: F401 - makes the operations available as op.…
from tsmigrate.autogenerate import aggregates, dropped, hypertables, schemas

PLUGIN_NAME = "alembic.autogenerate.tsmigrate"


def _register() -> None:
    """Once a process: env.py may run many times in one, and Alembic refuses a name it knows."""
    try:
        plugin = Plugin(PLUGIN_NAME)
    except ValueError:
        return
    for part in (schemas, hypertables, aggregates, dropped):
        part.setup(plugin)


_register()
