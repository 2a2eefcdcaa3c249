"""tsmigrate inside Alembic: the operations, one file each, and what env.py needs to run them.

Importing this package makes every operation beside this file available as `op.…`.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
