"""Stay and run what is due, through lost connections, until told to end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Any

from psycopg2.extensions import get_wait_callback, set_wait_callback  # type: ignore[import-untyped]
from psycopg2.extras import wait_select  # type: ignore[import-untyped]
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.errors import UnreachableError
from tsmigrate.policies import runner, state
from tsmigrate.policies.runner import Result
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

log = logging.getLogger("tsmigrate")

LOOK_EVERY_SECONDS = 30.0
"""At the longest: another revision may bring a policy that is due at once."""
LONGEST_PAUSE_SECONDS = 60.0


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Until the end, SIGTERM cancels what the server is doing for us; the function tells whether it came.

    psycopg2 by itself would see a signal only after the statement.
    """
    told = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        told.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    waiting = get_wait_callback()
    set_wait_callback(wait_select)
    try:
        yield told.is_set
    except KeyboardInterrupt:
        if not told.is_set():
            raise
    finally:
        set_wait_callback(waiting)
        signal.signal(signal.SIGTERM, before)


def keep_running(database: DatabaseUrl, stopping: Callable[[], bool]) -> Iterator[Result]:
    pause = 1.0
    while not stopping():
        try:
            with connect.pinned(database) as connection:
                pause = 1.0
                yield from _while_connected(connection, stopping)
        except (UnreachableError, DBAPIError) as error:
            log.warning(f"the connection is lost, trying again: {connect.reason_given(error)}")
            _wait(pause, stopping)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _while_connected(connection: Connection, stopping: Callable[[], bool]) -> Iterator[Result]:
    while not stopping():
        yield from runner.run_due(connection, stopping)
        _wait(_until_the_next(connection), stopping)


def _until_the_next(connection: Connection) -> float:
    seconds: Any = None
    if state.exists(connection):
        seconds = connection.execute(raw(_NEXT)).scalar()
    connection.rollback()
    return min(max(float(seconds), 0.5), LOOK_EVERY_SECONDS) if seconds is not None else LOOK_EVERY_SECONDS


_NEXT = """
SELECT extract(epoch FROM min(next_run) - clock_timestamp()) FROM tsmigrate.policy
WHERE state = 'emulated' AND NOT paused AND EXISTS (SELECT FROM pg_class WHERE oid = relation)
"""


def _wait(seconds: float, stopping: Callable[[], bool]) -> None:
    """A signal ends it at once, by its exception."""
    if not stopping():
        Event().wait(seconds)
