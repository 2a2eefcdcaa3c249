"""What every operation shares: how it becomes `op.…`, how autogenerate writes it down, and how it runs.

An operation is a frozen dataclass with the SQL it runs and its `reverse()`. It never asks the database from Python:
what needs the catalog is a DO block, so that `alembic upgrade --sql` prints the very statements that run online.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, ClassVar, TypeVar

from alembic import context
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from alembic.util import CommandError

from tsmigrate.errors import UsageError
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import qualified, raw
from tsmigrate.undo import Key

NOT_WRITTEN = {"written": False}
"""The metadata of a field that a revision's text does not hold."""

LOCK_TIMEOUT_MS = Locking.timeout_ms
LOCK_RETRIES = Locking.retries


@dataclass(frozen=True)
class Run:
    """The circumstances of one run: which revision, and the settings that hold for it."""

    revision: str
    locking: Locking


@dataclass(frozen=True)
class Operation(MigrateOperation):
    """The base of tsmigrate's operations."""

    name: ClassVar[str]

    @abstractmethod
    def statements(self, run: Run) -> Sequence[str]:
        """The SQL, a statement each."""

    @abstractmethod
    def reverse(self) -> MigrateOperation:
        """The operation that takes this one back."""

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return (self.name, *(getattr(self, field.name) for field in _written(self)))


@dataclass(frozen=True)
class TableOperation(Operation):
    """An operation on one table. `schema` None: the search path finds it."""

    table: str
    schema: str | None

    @property
    def subject(self) -> str:
        """The table's name, quoted."""
        subject = qualified(self.table, self.schema)
        if len(subject.splitlines()) > 1:
            raise UsageError(
                f"{self.name} does not take a table name with a line break in it: {subject!r}",
                mend="rename the table first: ALTER TABLE … RENAME TO …",
            )
        return subject

    def undo_key(self, run: Run, operation: str) -> Key:
        """Where the upgrade `operation` leaves what this table's downgrade needs."""
        return Key(run.revision, operation, self.subject)


Registered = TypeVar("Registered", bound=type[Operation])


def operation(cls: Registered) -> Registered:
    """Make a class available as `op.<name>`; its class method of that name says the arguments."""
    Operations.register_operation(cls.name)(cls)
    Operations.implementation_for(cls)(_run)
    renderers.dispatch_for(cls)(_render)
    return cls


def _run(operations: Operations, asked: Operation) -> None:
    opts = operations.migration_context.opts
    if not opts.get("transaction_per_migration"):
        raise CommandError(
            f"{asked.name} runs only where each revision has its own transaction\n"
            "  mend: pass transaction_per_migration=True to context.configure in env.py"
        )
    for statement in asked.statements(_circumstances(asked)):
        operations.execute(raw(statement))


def _circumstances(asked: Operation) -> Run:
    return Run(
        revision=_revision_running(asked),
        locking=Locking(
            timeout_ms=_setting("lock_timeout", LOCK_TIMEOUT_MS), retries=_setting("lock_retries", LOCK_RETRIES)
        ),
    )


def _revision_running(asked: Operation) -> str:
    """Alembic does not tell an operation which revision runs it; the revision's module, which called us, does."""
    for module in _calling_modules():
        if isinstance(module.get("revision"), str) and "down_revision" in module:
            return str(module["revision"])
    raise CommandError(
        f"{asked.name} was not called from a revision\n  mend: call it from upgrade() or downgrade() of a revision file"
    )


def _calling_modules() -> Iterator[dict[str, Any]]:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        yield frame.f_globals


def _setting(name: str, default: int) -> int:
    """`tsmigrate.<name>` from `-x`, else from Alembic's configuration, else `default`."""
    full_name = f"tsmigrate.{name}"
    try:
        text = context.get_x_argument(as_dictionary=True).get(full_name) or context.config.get_alembic_option(full_name)
    except (NameError, AttributeError):
        return default  # run without an env.py, as tests and other tools do
    if text is None:
        return default
    if not str(text).isdigit():
        raise CommandError(f"{full_name} is {text!r}, not a whole number\n  mend: {full_name} = {default}")
    return int(text)


def _render(_autogenerate: AutogenContext, asked: Operation) -> str:
    """The call as a revision has it: what differs from the defaults, by name after the first."""
    given = [(field, value) for field in _written(asked) if (value := getattr(asked, field.name)) != _default_of(field)]
    arguments = [
        repr(value) if not number else f"{field.name}={value!r}" for number, (field, value) in enumerate(given)
    ]
    return f"op.{asked.name}({', '.join(arguments)})"


def _written(asked: Operation) -> list[Field[Any]]:
    return [field for field in fields(asked) if field.metadata.get("written", True)]


def _default_of(field: Field[Any]) -> Any:
    return None if field.default is MISSING else field.default
