"""What an autogenerate run compares the declarations with: the database, asked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any
from weakref import WeakKeyDictionary

from alembic.autogenerate.api import AutogenContext
from alembic.util import CommandError, PriorityDispatchResult
from sqlalchemy import Connection, MetaData, text

from tsmigrate import capability, undo
from tsmigrate.autogenerate import emulated
from tsmigrate.capability import Server
from tsmigrate.catalog import chunks, interval
from tsmigrate.catalog.interval import Length
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import Hypertable, Policy, SpanText, TimescaleObjects
from tsmigrate.errors import BlockedError, TsmigrateError, UsageError
from tsmigrate.ops import run
from tsmigrate.ops.run import OnUnsupported
from tsmigrate.policies import state
from tsmigrate.sql import qualified


@dataclass(frozen=True)
class Database:
    connection: Connection
    default_schema: str

    @cached_property
    def objects(self) -> TimescaleObjects:
        timescale = self.server.timescale
        if timescale.installed and not timescale.preloaded:  # the views would end the connection
            raise BlockedError(
                "what TimescaleDB has in this database cannot be read: the server does not preload timescaledb",
                mend="add timescaledb to shared_preload_libraries and restart the server",
            )
        return emulated.added(TimescaleObjects.of(self.connection), state.policies(self.connection))

    @cached_property
    def with_compressed_chunks(self) -> frozenset[Relation]:
        return chunks.compressed_in(self.connection)

    @cached_property
    def chunks_elsewhere(self) -> frozenset[Relation]:
        return chunks.elsewhere(self.connection)

    @cached_property
    def server(self) -> Server:
        return capability.ask(self.connection)

    def relation(self, name: str, schema: str | None) -> Relation:
        """What a model's or a reflected name stands for here."""
        renamed = self.connection.get_execution_options().get("schema_translate_map") or {}
        return Relation(renamed.get(schema, schema) or self._on_path.get(name, self.default_schema), name)

    def hypertable(self, name: str, schema: str | None) -> Hypertable | None:
        return self.objects.hypertables.get(self.relation(name, schema))

    @cached_property
    def _on_path(self) -> Mapping[str, str]:
        """The schemas of tables that the search path finds further along, which reflection gives no schema either."""
        found = self.connection.execute(text(_FURTHER_ALONG), {"default": self.default_schema})
        return {row.name: row.schema for row in found}

    def schema_of(self, relation: Relation) -> str | None:
        """As Alembic and a revision name it."""
        return None if relation.schema == self.default_schema else relation.schema

    def expects(self, operation: str, name: str, schema: str | None) -> bool:
        """Whether what is declared and not there is to be made.

        Not where the server cannot, and a revision's upgrade has gone on without it (`tsmigrate.on_unsupported`): it
        would be missing for ever.
        """
        if run.on_unsupported() is OnUnsupported.ERROR or capability.can(self.server, operation):
            return True
        subjects = {qualified(name, schema), qualified(name, self.relation(name, schema).schema)}
        return not any((operation, subject) in self._skipped for subject in subjects)

    @cached_property
    def kept_aside(self) -> frozenset[Relation]:
        """Aggregates that an upgrade renamed, for its downgrade to bring back."""
        return frozenset(Relation(*each) for each in undo.kept_aside(self.connection))

    @cached_property
    def _skipped(self) -> frozenset[tuple[str, str]]:
        return undo.skipped(self.connection)

    def same(
        self, declared: SpanText | None, found: SpanText | None, place: str, *, months_fixed: bool = False
    ) -> bool:
        """Whether two lengths of time come to the same. `place` says where the declared one stands."""
        if isinstance(declared, str) and isinstance(found, str):
            pair = self._length(declared, place), self._length(found, place)
            return pair[0].fixed == pair[1].fixed if months_fixed else pair[0] == pair[1]
        return declared == found

    def _length(self, text: str, place: str) -> Length:
        return interval.length(self.connection, text, place)


_known: WeakKeyDictionary[AutogenContext, Database] = WeakKeyDictionary()


def database_of(context: AutogenContext) -> Database:
    if context not in _known:
        if context.connection is None:
            raise CommandError("there is no connection to compare the models with")
        default = context.connection.dialect.default_schema_name or "public"
        _known[context] = Database(context.connection, default)
    return _known[context]


def metadatas(context: AutogenContext) -> list[MetaData]:
    """env.py may give one, several or none."""
    given = context.metadata
    return [] if given is None else [given] if isinstance(given, MetaData) else list(given)


def altered_by_hand(policy: Policy) -> list[str]:
    """What the text of a revision cannot bring back."""
    return [f"Its job is {policy.peculiar}, which the downgrade does not bring back."] if policy.peculiar else []


def age_of(policy: Policy, kind: str, name: str) -> SpanText:
    """After which it acts. One that goes by when chunks were made has none, and no operation could bring it back."""
    if policy.after is None:
        raise UsageError(
            f"the {kind} policy of {name} goes by when chunks were made, which no declaration says",
            mend=f"remove it and declare one that goes by the age of rows: remove_{kind}_policy('{name}')",
        )
    return policy.after


_FURTHER_ALONG = """
SELECT c.relname AS name, n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_schemas(false)) AND n.nspname <> :default
  AND c.relkind IN ('r', 'p', 'v') AND pg_table_is_visible(c.oid)
"""

Compare = Callable[..., PriorityDispatchResult]


def told(compare: Compare) -> Compare:
    """An error that the user can mend is one line, as Alembic's own are."""

    @wraps(compare)
    def comparing(*arguments: Any) -> PriorityDispatchResult:
        try:
            return compare(*arguments)
        except TsmigrateError as error:
            raise CommandError(f"{error.message}\n  mend: {error.mend}") from error

    return comparing
