"""Engines: the PostgreSQL installations with TimescaleDB that a sandbox can run on.

They are looked for in this order, and the first that has the wanted edition is taken:

1. the one named by `--pg-bin` or TSMIGRATE_PG_BIN
2. installed ones: `pg_config` on the PATH, Debian's, Red Hat's and Homebrew's folders
3. one fetched before
4. on Debian, one fetched now (Apache edition): see `debian`
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tsmigrate.apt import Progress
from tsmigrate.capability import Edition, Version
from tsmigrate.errors import SandboxError, UsageError
from tsmigrate.sandbox import debian, places

PG_BIN = "TSMIGRATE_PG_BIN"
INSTALLED_FOLDERS = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # Red Hat and kin
    "usr/local/pgsql/bin",  # built from source
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
    "home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
)
WAYS_TO_GET_ONE = (
    "install TimescaleDB's package for your system, or `docker compose up -d` (compose.yaml) and "
    "--url postgresql://postgres@localhost:5432/postgres, or name any server with --url"
)


class Origin(StrEnum):
    NAMED = "named"
    INSTALLED = "installed"
    FETCHED = "fetched"


@dataclass(frozen=True)
class Engine:
    bin: Path
    postgres: Version
    timescaledb: Version
    edition: Edition
    origin: Origin
    preloadable: tuple[str, ...]  # what a sandbox preloads, as far as this engine has it

    def program(self, name: str) -> str:
        return str(self.bin / name)

    def __str__(self) -> str:
        return f"PostgreSQL {self.postgres.major}.{self.postgres.minor}, TimescaleDB {self.timescaledb} {self.edition}"


def found(pg_bin: Path | None = None) -> list[Engine]:
    """Every engine on this machine, in the order in which they are chosen."""
    named = pg_bin or (Path(value) if (value := os.environ.get(PG_BIN)) else None)
    engines = [_named(named)] if named else []
    seen = {engine.bin.resolve() for engine in engines}
    for origin, folders in ((Origin.INSTALLED, _installed_folders()), (Origin.FETCHED, debian.fetched())):
        inspected = []
        for folder in folders:
            if folder.resolve() not in seen:
                seen.add(folder.resolve())
                inspected += [engine] if (engine := inspect(folder, origin)) else []
        engines += sorted(inspected, key=lambda engine: (engine.postgres, engine.timescaledb), reverse=True)
    return engines


def choose(edition: Edition | None, *, pg_bin: Path | None = None, progress: Progress) -> Engine:
    """The engine for `edition` (None: any), fetched where none is found and fetching is possible."""
    candidates = found(pg_bin)
    if pg_bin:
        candidates = candidates[:1]
        if edition not in {None, candidates[0].edition}:
            raise SandboxError(
                f"{pg_bin} has the {candidates[0].edition} edition, not {edition}",
                mend="leave --edition or --pg-bin out, or name another folder",
            )
    for engine in candidates:
        if edition in {None, engine.edition}:
            return engine
    if edition is Edition.COMMUNITY:
        raise SandboxError(
            "no PostgreSQL with TimescaleDB's Community edition is installed here, and none can be fetched",
            mend=WAYS_TO_GET_ONE,
        )
    if reason := debian.unusable():
        raise SandboxError(
            f"no PostgreSQL with TimescaleDB is installed here, and none can be fetched: {reason}",
            mend=WAYS_TO_GET_ONE,
        )
    fetched = inspect(debian.fetch(progress), Origin.FETCHED)
    if fetched is None:
        raise SandboxError("the fetched engine does not work here", mend=WAYS_TO_GET_ONE)
    return fetched


def inspect(folder: Path, origin: Origin) -> Engine | None:
    """The engine whose programs are in `folder`. None: it is not one, or has no TimescaleDB."""
    if not all((folder / program).exists() for program in ("postgres", "initdb", "pg_ctl")):
        return None
    configuration = _pg_config(folder)
    version = _output([str(folder / "postgres"), "--version"])
    if configuration is None or not (number := re.search(r"\d+(\.\d+)?", version)):
        return None
    libraries, control = configuration["PKGLIBDIR"], configuration["SHAREDIR"] / "extension" / "timescaledb.control"
    if not _library(libraries, "timescaledb") or not control.exists():
        return None
    default = re.search(r"^\s*default_version\s*=\s*'([^']+)'", control.read_text(), re.MULTILINE)
    if not default:
        return None
    community = _library(libraries, f"timescaledb-tsl-{default[1]}")
    return Engine(
        bin=folder,
        postgres=Version.parse(number[0]),
        timescaledb=Version.parse(default[1]),
        edition=Edition.COMMUNITY if community else Edition.APACHE,
        origin=origin,
        preloadable=tuple(name for name in ("timescaledb", "pg_stat_statements") if _library(libraries, name)),
    )


def _named(folder: Path) -> Engine:
    engine = inspect(folder, Origin.NAMED)
    if engine is None:
        raise UsageError(
            f"{folder} is not the program folder of a PostgreSQL with TimescaleDB",
            mend=f"give the folder that holds postgres, initdb, pg_ctl and pg_config (--pg-bin or {PG_BIN})",
        )
    return engine


def _installed_folders() -> Iterator[Path]:
    if on_path := shutil.which("pg_config"):
        folder = _output([on_path, "--bindir"]).strip()
        if folder:
            yield Path(folder)
    for pattern in INSTALLED_FOLDERS:
        yield from sorted(Path("/").glob(pattern))


def _pg_config(folder: Path) -> dict[str, Path] | None:
    lines = _output([str(folder / "pg_config")]).splitlines()
    pairs = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return {name: Path(value) for name, value in pairs.items()} if "PKGLIBDIR" in pairs else None


def _library(folder: Path, name: str) -> bool:
    return any((folder / f"{name}{suffix}").exists() for suffix in (".so", ".dylib"))


def _output(command: list[str]) -> str:
    """What `command` prints. Empty when it fails: then the folder holds no engine of ours."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=10, env=places.bare_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
