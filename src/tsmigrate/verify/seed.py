"""Rows that the user brings: an SQL file, or a function of theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tsmigrate import connect
from tsmigrate.errors import UsageError
from tsmigrate.url import without_passwords
from tsmigrate.verify import jobs
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.job import Ending

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Seed:
    given: str
    script: str | None  # the SQL; None: it is a function

    @classmethod
    def of(cls, given: str) -> Seed:
        if _FUNCTION.fullmatch(given):
            return cls(given, None)
        try:
            return cls(given, Path(given).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the seed {given} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
                mend="give an SQL file, or module:function",
            ) from error

    def load(self, environment: Environment) -> str:
        """Empty when it worked, else why not; then nothing of it is left."""
        if self.script is not None:
            return _execute(self.script, environment)
        outcome = environment.seed(self.given)
        if outcome.ending is Ending.WRONG_USE:
            raise UsageError(
                f"the seed {self.given} cannot be imported: {outcome.message}",
                mend="put the module beside alembic.ini, beside env.py or on PYTHONPATH",
            )
        return "" if outcome.ending is Ending.DONE else outcome.message


def _execute(script: str, environment: Environment) -> str:
    """By the driver itself: % and : mean nothing there, and many statements go as one."""
    with connect.connection(environment.scratch) as connection:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(script)
            jobs.hold(cursor)
            connection.connection.commit()
        except connection.dialect.loaded_dbapi.Error as error:
            return without_passwords(str(error).strip())
    return ""
