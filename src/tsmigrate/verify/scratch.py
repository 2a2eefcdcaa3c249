"""A database that nobody knows: made for one rollback test, dropped at its end, however it ends."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect, sandbox
from tsmigrate.apt import Progress
from tsmigrate.capability import Edition, ask, described
from tsmigrate.connect import reason_given
from tsmigrate.errors import BlockedError
from tsmigrate.sandbox import Sandbox
from tsmigrate.sql import identifier, raw
from tsmigrate.url import DatabaseUrl, parse

PREFIX = "tsmigrate_rollback_"
_DROP_ATTEMPTS = 5
# Jobs that run in between would change rows and keep connections.
_SETTINGS = {"timescaledb.max_background_workers": "0"}


@dataclass(frozen=True)
class Scratch:
    database: DatabaseUrl
    server: str  # which versions, for the report
    bin: Path | None  # the server's own programs, where it is a sandbox
    sandbox: str = ""  # its name, where it is one


@contextmanager
def on_server(server: DatabaseUrl, *, keep: bool = False) -> Iterator[Scratch]:
    """On the server that `server` names. Only the new database is written to."""
    name = PREFIX + secrets.token_hex(8)
    with connect.connection(server, isolation_level="AUTOCOMMIT") as connection:
        versions = described(ask(connection))
        try:
            connection.execute(raw(f"CREATE DATABASE {identifier(name)}"))
        except DBAPIError as error:
            raise BlockedError(
                f"cannot make a scratch database on {server}: {reason_given(error)}",
                mend="use a role with CREATEDB, or leave --url out to use a sandbox",
            ) from error
    try:
        yield Scratch(DatabaseUrl(server.url.set(database=name), source="the scratch database"), versions, bin=None)
    finally:
        if not keep:
            with undisturbed(), connect.connection(server, isolation_level="AUTOCOMMIT") as connection:
                _drop(connection, name)


@contextmanager
def in_sandbox(
    edition: Edition | None,
    progress: Progress,
    *,
    kind: str = "rollback",
    pg_bin: Path | None = None,
    keep: bool = False,
) -> Iterator[Scratch]:
    """In a sandbox of its own, which goes with it unless it is to be kept; killed, with the next sandbox."""
    name = f"{kind}-{secrets.token_hex(4)}"
    with nullcontext() if keep else sandbox.owned(name):
        try:
            made = sandbox.up(name, edition=edition, pg_bin=pg_bin, settings=_SETTINGS, progress=progress)
            with on_server(DatabaseUrl(parse(made.url), source=str(made)), keep=keep) as scratch:
                yield replace(scratch, server=_versions(made), bin=made.bin, sandbox=name)
        finally:
            if not keep:
                with undisturbed():
                    sandbox.down(name)


def _versions(made: Sandbox) -> str:
    return f"PostgreSQL {made.postgres}, TimescaleDB {made.timescaledb} {made.edition}"


def _drop(connection: Connection, name: str) -> None:
    for attempt in range(1, _DROP_ATTEMPTS + 1):
        try:
            connection.execute(raw(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)"))
            return
        except DBAPIError as error:
            # TimescaleDB's scheduler comes back to a database that it was just thrown out of.
            if attempt == _DROP_ATTEMPTS:
                raise BlockedError(
                    f"the scratch database {name} could not be dropped: {reason_given(error)}",
                    mend=f"DROP DATABASE {identifier(name)} WITH (FORCE)",
                ) from error
            time.sleep(attempt)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not cut the tidying off."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, so that it can tidy up."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
