"""What every operation shares: how it becomes `op.…`, how autogenerate writes it down, and how it runs.

An operation is a frozen dataclass with the SQL it runs and its `reverse()`. It never asks the database from Python:
what needs the catalog is a DO block, so that `alembic upgrade --sql` prints the very statements that run online.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, Operations
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from tsmigrate import pysource
from tsmigrate.errors import UsageError
from tsmigrate.ops import notices, run
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import do_block, refuse
from tsmigrate.sql import literal, qualified, raw
from tsmigrate.undo import Key

NOT_WRITTEN = {"written": False}
"""The metadata of a field that a revision's text does not hold."""

ALWAYS_WRITTEN = {"always": True}
"""The metadata of a field that has to be given, and may be None."""


@dataclass(frozen=True)
class Operation(MigrateOperation):
    """The base of tsmigrate's operations."""

    name: ClassVar[str]
    notes: Sequence[str] = field(default=(), kw_only=True, compare=False, repr=False, metadata=NOT_WRITTEN)
    """What whoever reviews a generated revision should know: comments above the call."""
    on_unsupported: str | None = field(default=None, kw_only=True, metadata=NOT_WRITTEN)
    """What becomes of it where the server cannot do it; None: what `tsmigrate.on_unsupported` says."""
    isolated: ClassVar[bool] = False
    """It cannot run in a transaction, so it is alone in its revision, and can be run again after it was cut off."""

    @abstractmethod
    def statements(self, run: Run) -> Sequence[str]:
        """The SQL, a statement each."""

    def closing_statements(self, run: Run) -> Sequence[str]:  # noqa: ARG002
        """What an isolated operation does together with the revision's stamp: neither happens without the other."""
        return ()

    def accompanied(self, context: MigrationContext, run: Run) -> AbstractContextManager[None]:  # noqa: ARG002
        """What goes on around its statements."""
        return nullcontext()

    @abstractmethod
    def reverse(self) -> MigrateOperation:
        """The operation that takes this one back."""

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return (self.name, *(getattr(self, field.name) for field in _written(self)))


Former = TypeVar("Former", bound=Operation)


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
        return Key(run.revision, operation, self.subject, written=not run.downgrading)

    def known(self, former: Former | None, what: str, directive: str) -> Former:
        """The operation that this one takes back. What is read from a revision's text does not have it."""
        if former is None:
            raise UsageError(
                f"{self.name} of {self.subject} does not know {what}",
                mend=f"write the downgrade with op.{directive} by hand",
            )
        return former


Registered = TypeVar("Registered", bound=type[Operation])


def operation(cls: Registered) -> Registered:
    """Make a class available as `op.<name>`; its class method of that name says the arguments."""
    Operations.register_operation(cls.name)(cls)
    Operations.implementation_for(cls)(_run)
    renderers.dispatch_for(cls)(_render)
    return cls


def _run(operations: Operations, asked: Operation) -> None:
    context = operations.migration_context
    if not context.opts.get("transaction_per_migration"):
        raise CommandError(
            f"{asked.name} runs only where each revision has its own transaction\n"
            "  mend: pass transaction_per_migration=True to context.configure in env.py"
        )
    asked = _where_it_is(asked, context)
    circumstances = run.of(asked.name, asked.on_unsupported)
    _refuse_company(context, asked, circumstances.revision)
    statements = asked.statements(circumstances)
    if not asked.isolated:
        with notices.told(context), asked.accompanied(context, circumstances):
            for statement in statements:
                operations.execute(raw(statement))
        return
    operations.execute(raw(_nothing_done_yet(asked.name, circumstances.revision)))
    _isolated_in[context] = (circumstances.revision, asked.name)
    with _outside_a_transaction(context):
        _execute(operations, statements)
    _execute(operations, asked.closing_statements(circumstances))


def _where_it_is(asked: Operation, context: MigrationContext) -> Operation:
    """Our statements are text, in which SQLAlchemy replaces no schema: we do what `schema_translate_map` says."""
    connection = None if context.as_sql else context.connection
    renamed = connection.get_execution_options().get("schema_translate_map") if connection else None
    if not renamed or not isinstance(asked, TableOperation):
        return asked
    return replace(asked, schema=renamed.get(asked.schema, asked.schema))


@contextmanager
def _outside_a_transaction(context: MigrationContext) -> Iterator[None]:
    """Alembic's block, which hides why a connection was lost behind its own failure to go on with it."""
    lost: DBAPIError | None = None
    try:
        with context.autocommit_block():
            try:
                yield
            except DBAPIError as error:
                lost = error
                raise
    except PendingRollbackError:
        if lost is None:
            raise
        raise lost from lost.orig


def _execute(operations: Operations, statements: Sequence[str]) -> None:
    for statement in statements:
        with notices.told(operations.migration_context):
            operations.execute(raw(statement))


_isolated_in: WeakKeyDictionary[MigrationContext, tuple[str, str]] = WeakKeyDictionary()


def _refuse_company(context: MigrationContext, asked: Operation, revision: str) -> None:
    """An isolated operation has committed: what follows it in its revision would not be rolled back with it."""
    before = _isolated_in.get(context)
    if before is not None and before[0] == revision:
        raise CommandError(
            f"{asked.name} shares revision {revision} with {before[1]}, which runs outside of a transaction\n"
            f"  mend: put {asked.name} into a revision of its own"
        )
    if asked.isolated and getattr(context, "_in_external_transaction", False):
        raise CommandError(
            f"{asked.name} cannot run in a transaction, and env.py has begun one\n"
            "  mend: give context.configure a connection that is not in a transaction"
        )


def _nothing_done_yet(name: str, revision: str) -> str:
    """It would be committed, and done again when the revision is run again."""
    return do_block(
        """
        BEGIN
          IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
            {{company}}
          END IF;
        END
        """,
        company=refuse(
            literal(f"{name} runs outside of a transaction, and revision {revision} has changed something before it"),
            f"put {name} into a revision of its own",
        ),
    )


def _render(_autogenerate: AutogenContext, asked: Operation) -> list[str]:
    """The call as a revision has it, its notes above: what differs from the defaults, by name where it must be."""
    parameters = inspect.signature(getattr(asked, asked.name)).parameters
    given = [
        (parameters[field.name if field.name in parameters else "name"], value)
        for field in _written(asked)
        if (value := getattr(asked, field.name)) != _default_of(field) or field.metadata.get("always", False)
    ]
    arguments: list[pysource.Argument] = []
    for parameter, value in sorted(given, key=lambda each: list(parameters).index(each[0].name)):
        in_its_place = parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY
        arguments.append(pysource.Argument(None if in_its_place else parameter.name, value))
    return [
        *pysource.comments(asked.notes, _WIDTH),
        pysource.call(f"op.{asked.name}", arguments, _WIDTH),
    ]


_WIDTH = pysource.WIDTH - 4
"""Alembic indents what it is given."""


def _written(asked: Operation) -> list[Field[Any]]:
    return [field for field in fields(asked) if field.metadata.get("written", True)]


def _default_of(field: Field[Any]) -> Any:
    return None if field.default is MISSING else field.default
