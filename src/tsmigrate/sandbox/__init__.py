"""A private, throwaway PostgreSQL with TimescaleDB: no root, no Docker, no password, and nobody else gets in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, text

from tsmigrate import connect, url
from tsmigrate.apt import Progress
from tsmigrate.capability import Edition
from tsmigrate.errors import SandboxError, UsageError
from tsmigrate.sandbox import cluster, engines, locks, places, record
from tsmigrate.sandbox.record import Sandbox

DEFAULT_NAME = "default"

__all__ = [
    "DEFAULT_NAME",
    "Sandbox",
    "Status",
    "by_tcp",
    "down",
    "every",
    "owned",
    "running",
    "running_url",
    "status",
    "unreadable",
    "up",
]


@dataclass(frozen=True)
class Status:
    sandbox: Sandbox
    pid: int | None

    @property
    def running(self) -> bool:
        return self.pid is not None


def up(
    name: str = DEFAULT_NAME,
    *,
    edition: Edition | None = None,
    pg_bin: Path | None = None,
    tcp: bool = False,
    settings: Mapping[str, str] | None = None,
    progress: Progress = lambda *_: None,
) -> Sandbox:
    """A running sandbox of that name: found, started or made, whichever it takes."""
    folder = _folder(name)
    _remove_abandoned(progress)
    wanted = _Wanted(edition, pg_bin, dict(settings or {}))
    with locks.locked(name) as lock:
        sandbox = record.read(folder)
        if sandbox and not sandbox.ready:
            cluster.remove(sandbox)
            sandbox = None
        if sandbox:
            _refuse_another(sandbox, wanted)
        else:
            sandbox = _make(name, wanted, lock, progress)
        if not cluster.running_pid(sandbox):
            progress("starting", None)
            sandbox = cluster.start(sandbox, tcp=tcp or sandbox.tcp)
        _make_database(sandbox)
        if tcp and not sandbox.tcp:
            sandbox = _restart_for_tcp(sandbox, progress)
        return sandbox


def by_tcp(name: str = DEFAULT_NAME, *, progress: Progress = lambda *_: None) -> Sandbox:
    """The running sandbox, listening on loopback from now on."""
    with locks.locked(name):
        sandbox = running(name)
        return sandbox if sandbox.tcp else _restart_for_tcp(sandbox, progress)


def down(name: str = DEFAULT_NAME) -> bool:
    """Stop the sandbox and delete all of it. False: there was none."""
    if not _folder(name).exists():
        return False
    with locks.locked(name) as lock:
        sandbox = record.read(_folder(name))
        if sandbox:
            cluster.remove(sandbox)
        Path(lock.name).unlink()
    _disown(name)
    return sandbox is not None


@contextmanager
def owned(name: str) -> Iterator[None]:
    """A sandbox that is made and taken down inside. Where this process is killed, the next `up` takes it down."""
    folder = _folder(name)
    with locks.owned(name):
        try:
            yield
        finally:
            if not folder.exists():
                _disown(name)


def _remove_abandoned(progress: Progress) -> None:
    """There may be rows of somebody's database in them."""
    for name in locks.abandoned():
        progress(f'removing sandbox "{name}", whose maker was killed', None)
        with contextlib.suppress(SandboxError, UsageError):  # what cannot be read is left to `unreadable`
            down(name)
            _disown(name)


def _disown(name: str) -> None:
    locks.disown(name)
    _remove_if_empty(places.sandboxes())


def status(name: str = DEFAULT_NAME) -> Status | None:
    """How that sandbox is. None: there is none."""
    sandbox = record.read(_folder(name))
    return Status(sandbox, cluster.running_pid(sandbox)) if sandbox and sandbox.ready else None


def every() -> list[Status]:
    """All sandboxes of this user that can be read."""
    return [found for name in _names() if (found := _status_or_error(name)) and isinstance(found, Status)]


def unreadable() -> dict[str, SandboxError]:
    """By name what lies where a sandbox would, and is damaged, somebody else's, or made by something else."""
    tried = {name: _status_or_error(name) for name in _names()}
    return {name: found for name, found in tried.items() if isinstance(found, SandboxError)}


def _names() -> list[str]:
    """Of the folders that could be sandboxes."""
    folder = places.sandboxes()
    entries = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return sorted(name for name in entries if _NAME.fullmatch(name))


def _status_or_error(name: str) -> Status | SandboxError | None:
    """What somebody is making or removing right now is looked at when they are done."""
    try:
        return status(name)
    except SandboxError:
        locks.wait(name)
    try:
        return status(name)
    except SandboxError as error:
        return error


def running(name: str = DEFAULT_NAME) -> Sandbox:
    """That sandbox, refused with the way to start it when it does not run."""
    found = status(name)
    if found is None or not found.running:
        raise SandboxError(f'sandbox "{name}" does not run', mend=f"tsmigrate sandbox up{_name_option(name)}")
    return found.sandbox


def running_url() -> str | None:
    """Where to work when nobody named a database: the default sandbox, or the only one that runs."""
    running = [found.sandbox for found in every() if found.running]
    chosen = [sandbox for sandbox in running if sandbox.name == DEFAULT_NAME] or running
    return chosen[0].url if len(chosen) == 1 else None


_OTHER_SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a sandbox", mend="use up to 32 of a-z, 0-9, - and _, a letter or digit first"
        )
    return places.sandboxes() / name


def _name_option(name: str) -> str:
    return "" if name == DEFAULT_NAME else f" --name {name}"


@dataclass(frozen=True)
class _Wanted:
    """What a new sandbox shall be, and an old one must be."""

    edition: Edition | None
    pg_bin: Path | None
    settings: Mapping[str, str]


def _make(name: str, wanted: _Wanted, lock: IO[str], progress: Progress) -> Sandbox:
    engine = engines.choose(wanted.edition, pg_bin=wanted.pg_bin, progress=progress)
    progress(f"making a server of {engine}", None)
    try:
        return cluster.make(_folder(name), name, engine, wanted.settings, lock=lock.fileno())
    except BaseException:
        unfinished = record.read(_folder(name))
        if unfinished:
            cluster.remove(unfinished)
        raise


def _refuse_another(sandbox: Sandbox, wanted: _Wanted) -> None:
    anew = f"choose another --name, or make it anew: tsmigrate sandbox down{_name_option(sandbox.name)}"
    if wanted.edition not in {None, Edition(sandbox.edition)}:
        raise SandboxError(f"{sandbox} is of the {sandbox.edition} edition, not {wanted.edition}", mend=anew)
    if wanted.pg_bin and wanted.pg_bin.resolve() != sandbox.bin.resolve():
        raise SandboxError(f"{sandbox} runs on {sandbox.bin}, not {wanted.pg_bin}", mend=anew)
    if wanted.settings and wanted.settings != sandbox.settings:
        raise SandboxError(f"{sandbox} was made with other settings", mend=anew)


def _restart_for_tcp(sandbox: Sandbox, progress: Progress) -> Sandbox:
    """Listening on loopback takes a restart, which nobody's session must pay for."""
    with _connected(sandbox) as connection:
        sessions = connection.execute(text(_OTHER_SESSIONS)).scalar_one()
    if sessions:
        raise SandboxError(
            f"{sandbox} must restart to listen on loopback, and {sessions} other session(s) are connected",
            mend="close them, or start it so in the first place: tsmigrate sandbox up --tcp",
        )
    progress("restarting to listen on loopback", None)
    cluster.stop(sandbox, at_once=False)
    return cluster.start(sandbox, tcp=True)


def _make_database(sandbox: Sandbox) -> None:
    """The database that the URL names; also when whoever started the server was killed before making it."""
    with _connected(sandbox) as connection:
        known = text("SELECT EXISTS (SELECT FROM pg_database WHERE datname = :name)")
        if not connection.execute(known, {"name": record.DATABASE}).scalar_one():
            connection.execute(text(f"CREATE DATABASE {record.DATABASE}"))


@contextmanager
def _connected(sandbox: Sandbox) -> Iterator[Connection]:
    maintenance = url.DatabaseUrl(url.parse(sandbox.url).set(database="postgres"), source=str(sandbox))
    cluster.wait_until_ready(sandbox)
    with connect.connection(maintenance, isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _remove_if_empty(folder: Path) -> None:
    for empty in (folder, folder.parent):
        try:
            empty.rmdir()
        except OSError:
            return
