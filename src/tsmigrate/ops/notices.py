"""What our blocks tell with RAISE, in the log "tsmigrate": what else a server says is its own affair."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.migration import MigrationContext

from tsmigrate.plpgsql import NOTICE

log = logging.getLogger("tsmigrate")


@contextmanager
def told(context: MigrationContext) -> Iterator[None]:
    """Until the end of it, whichever driver hears them."""
    connection = None if context.as_sql or context.connection is None else context.connection.connection
    driver: Any = getattr(connection, "driver_connection", None)
    if hasattr(driver, "notices"):  # psycopg2
        before, driver.notices = driver.notices, _Notices()
        try:
            yield
        finally:
            driver.notices = before
    elif hasattr(driver, "add_notice_handler"):  # psycopg
        driver.add_notice_handler(_hear_psycopg)
        try:
            yield
        finally:
            driver.remove_notice_handler(_hear_psycopg)
    elif hasattr(driver, "add_log_listener"):  # asyncpg
        driver.add_log_listener(_hear_asyncpg)
        try:
            yield
        finally:
            driver.remove_log_listener(_hear_asyncpg)
    else:
        yield


class _Notices:
    """In place of psycopg2's list, which SQLAlchemy empties after each statement."""

    def append(self, notice: str) -> None:
        severity, _, message = notice.partition(":")
        _hear(severity, message.strip())


def _hear_psycopg(diagnosis: Any) -> None:
    _hear(diagnosis.severity_nonlocalized, diagnosis.message_primary)


def _hear_asyncpg(_connection: object, message: Any) -> None:
    _hear(message.severity_en, message.message)


def _hear(severity: str, message: str) -> None:
    if message.startswith(NOTICE):
        log.log(logging.WARNING if severity == "WARNING" else logging.INFO, message.removeprefix(NOTICE))
