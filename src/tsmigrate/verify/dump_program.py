"""The pg_dump to read a server's schema with."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tsmigrate import connect
from tsmigrate.errors import BlockedError
from tsmigrate.sandbox import engines, places
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl


def find(database: DatabaseUrl, own: Path | None, *, otherwise: str = ", or leave --url out to use a sandbox") -> str:
    """Of the server's major version where there is one, else of the next: never an older one.

    A newer one prints what the server keeps for itself, such as the pg_attver of every column in 15.20.
    """
    with connect.connection(database) as connection:
        major = int(connection.execute(raw("SHOW server_version_num")).scalar_one()) // 10_000
    usable: dict[int, str] = {}
    for program in _candidates(own):
        version = _major(program)
        if version == major:
            return program
        if version > major:
            usable.setdefault(version, program)
    if not usable:
        raise BlockedError(
            f"there is no pg_dump of PostgreSQL {major} or later here, and an older one cannot read this server",
            mend=f"install the client programs of PostgreSQL {major}{otherwise}",
        )
    return usable[min(usable)]


def _candidates(own: Path | None) -> Iterator[str]:
    if own:
        yield str(own / "pg_dump")
    for engine in engines.found():
        yield engine.program("pg_dump")
    for pattern in engines.INSTALLED_FOLDERS:
        yield from (str(folder / "pg_dump") for folder in sorted(Path("/").glob(pattern)))
    if on_path := shutil.which("pg_dump"):
        yield on_path


def _major(program: str) -> int:
    """0 where it does not run."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, env=places.bare_environment()
        )
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else 0
