"""Every error tsmigrate raises on purpose.

    TsmigrateError
    ├── UsageError              wrong use: a malformed URL, an unknown name      exit 2
    └── BlockedError            the world does not allow it                      exit 3
        ├── UnreachableError    no server answers at the address
        │   └── LoginError      a server answers and does not let us in
        ├── RefusedError        an operation this server cannot do safely
        └── SandboxError        the local engine or its files

Each says in one line what happened and, as `mend`, what to do next. The command line prints both and exits with
`exit_code`; a traceback is for `--debug`. A message never holds a password: URLs enter it through `url.shown`.
"""

from __future__ import annotations

from typing import ClassVar


class TsmigrateError(Exception):
    """The root: catch this to catch them all."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


class UsageError(TsmigrateError):
    """What was asked makes no sense, whatever the server."""

    exit_code = 2


class BlockedError(TsmigrateError):
    """What was asked makes sense, and the world does not allow it now."""


class UnreachableError(BlockedError):
    """No server answers where the URL points."""


class LoginError(UnreachableError):
    """A server answers and refuses the login, the role or the database."""


class SandboxError(BlockedError):
    """The sandbox cannot be found, made, started or removed."""


class RefusedError(BlockedError):
    """An operation that this server cannot do, or cannot do safely."""

    def __init__(self, operation: str, *, needs: str, has: str, mend: str) -> None:
        super().__init__(f"{operation} needs {needs}; this server has {has}", mend=mend)
        self.operation = operation
        self.needs = needs
        self.has = has
