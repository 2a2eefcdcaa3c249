"""What a conversion says of itself: an estimate before, and while it runs how far it is, by a second connection."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from threading import Event, Thread, current_thread, main_thread
from time import monotonic
from typing import Any, Protocol

from psycopg2.extensions import get_wait_callback, set_wait_callback  # type: ignore[import-untyped]
from psycopg2.extras import wait_select  # type: ignore[import-untyped]
from sqlalchemy import Connection

from tsmigrate.connect import APPLICATION_NAME, CONNECT_TIMEOUT_SECONDS, reason_given
from tsmigrate.convert.estimate import Estimate, Outlook
from tsmigrate.convert.watch import PREFIX, QUERY, Course, Sight
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal

log = logging.getLogger("tsmigrate")

AFTER_IN_LOG, EVERY_IN_LOG, CHANGE_IN_LOG = 5.0, 15.0, 3.0  # seconds; the last: until a new phase is worth a line
AFTER_IN_TERMINAL, EVERY_IN_TERMINAL = 1.5, 0.5
LOOK_EVERY = 0.5
QUERY_TIMEOUT = "5s"
SHARE = 10  # a look at a database of very many files takes long: of the time it may take one part in these
SECONDS_TO_END = 3.0


@contextmanager
def shown(connection: Connection, outlook: Outlook, estimate: Estimate, *, into_chunks: bool) -> Iterator[None]:
    """Say what will be; while the inside runs, show how far it is. The inside never fails for it."""
    display: _Display = _Terminal() if sys.stderr.isatty() else _Log()
    display.say(f"{outlook.table} ({estimate.way}): {estimate.told}")
    second = _second(connection)
    if second is None:
        yield
        return
    with _interruptible(connection), _watched(second, display, Course(outlook, estimate.way, into_chunks, monotonic())):
        yield


@contextmanager
def _interruptible(connection: Connection) -> Iterator[None]:
    """Ctrl-C cancels the statement. psycopg2 by itself sees it at the end only, and not at all after a notice."""
    if connection.dialect.driver != "psycopg2" or current_thread() is not main_thread() or get_wait_callback():
        yield
        return
    set_wait_callback(wait_select)
    try:
        yield
    finally:
        set_wait_callback(None)


@contextmanager
def _watched(second: _Second, display: _Display, course: Course) -> Iterator[None]:
    over = Event()
    watcher = Thread(target=_watch, args=(second, display, course, over), name="tsmigrate progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(SECONDS_TO_END)


class _Display(Protocol):
    after: float

    def say(self, line: str) -> None:
        """Something that stays."""

    def showing(self) -> AbstractContextManager[None]: ...

    def show(self, line: str, *, is_new: bool) -> None:
        """How far it is; `is_new`: the phase."""


class _Log:
    """Lines, not many."""

    def __init__(self) -> None:
        self.after = AFTER_IN_LOG
        self._told = -EVERY_IN_LOG

    def say(self, line: str) -> None:
        log.info(line)

    @contextmanager
    def showing(self) -> Iterator[None]:
        yield

    def show(self, line: str, *, is_new: bool) -> None:
        if monotonic() - self._told >= (CHANGE_IN_LOG if is_new else EVERY_IN_LOG):
            self._told = monotonic()
            log.info(line)


class _Terminal:
    """One line, kept up to date, that goes at the end."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - takes a while, and most runs have no terminal
        from rich.live import Live  # noqa: PLC0415

        self.after = AFTER_IN_TERMINAL
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, transient=True, refresh_per_second=1 / EVERY_IN_TERMINAL)

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)

    def showing(self) -> AbstractContextManager[None]:
        return _within(self._live)

    def show(self, line: str, *, is_new: bool) -> None:  # noqa: ARG002 - it is one line
        from rich.text import Text  # noqa: PLC0415

        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"))


@contextmanager
def _within(entered: AbstractContextManager[Any]) -> Iterator[None]:
    with entered:
        yield


def _watch(second: _Second, display: _Display, course: Course, over: Event) -> None:
    """Until `over`. Nothing is opened for a conversion that is quicker than a look at it."""
    if over.wait(display.after):
        return
    try:
        with _looking(second) as look, display.showing():
            pause = 0.0
            while not over.wait(pause):
                begun = monotonic()
                for sight in look():
                    is_new = sight.phase != course.phase
                    display.show(course.line(sight, monotonic()), is_new=is_new)
                pause = max(LOOK_EVERY, (monotonic() - begun) * SHARE)
    except Exception as error:  # whatever it is, the conversion goes on
        reason = reason_given(error)
        log.info(f"no progress of {course.outlook.table} is shown: the second connection for it failed ({reason})")


@dataclass(frozen=True)
class _Second:
    """How to connect beside the session that converts: by the same driver, to the same server, as the same role."""

    driver: Any
    parameters: Mapping[str, Any]
    pid: int  # of the one that converts


def _second(connection: Connection) -> _Second | None:
    """None: the driver, such as an asynchronous one, does not say how it connected."""
    info: Any = getattr(connection.connection.driver_connection, "info", None)
    if connection.dialect.driver not in {"psycopg2", "psycopg"} or info is None:
        return None
    given = info.dsn_parameters if connection.dialect.driver == "psycopg2" else info.get_parameters()
    own = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": f"{APPLICATION_NAME} (progress)"}
    # The server that was found, where the address names several.
    parameters = given | own | {"host": info.host, "port": info.port}
    if info.password:
        parameters["password"] = info.password
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute("SELECT pg_backend_pid()")  # the driver knows a pooler's number at most
        (pid,) = cursor.fetchone() or (0,)
    return _Second(connection.dialect.loaded_dbapi, parameters, pid)


@contextmanager
def _looking(second: _Second) -> Iterator[Callable[[], list[Sight]]]:
    """A function that looks. Each look is a transaction of its own."""
    with closing(second.driver.connect(**second.parameters)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"SET statement_timeout = '{QUERY_TIMEOUT}'")
        query = assemble(QUERY, pid=str(second.pid), prefix=literal(PREFIX), skipped=str(len(PREFIX) + 1))

        def look() -> list[Sight]:
            cursor.execute(query)
            return [Sight(*row) for row in cursor.fetchall()]

        yield look
