"""`op.create_index_per_chunk` and its way back: an index of a big hypertable, a chunk at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.facts import find_hypertable
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.run import OnUnsupported, Run
from tsmigrate.ops.support import require_support
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table
from tsmigrate.sql import identifier, literal

CREATE = "create_index_per_chunk"


@operation
@dataclass(frozen=True)
class CreateIndexPerChunk(TableOperation):
    """Create an index of a hypertable with a transaction for each chunk.

    `op.create_index` locks every chunk against writing until the last one is done, and `CONCURRENTLY` does not work on
    hypertables. This one locks one chunk at a time. `columns` are written as CREATE INDEX takes them: `["device",
    "at DESC", "lower(name)"]`; `options` are its storage parameters, as in `{"fillfactor": 90}`. The index cannot be
    unique: TimescaleDB builds those in one transaction only.

    It runs outside of a transaction, alone in its revision. When it is cut off, the index that is left is invalid; run
    the revision again and it starts anew.
    """

    index: str
    columns: Sequence[str]
    where: str | None = None
    using: str = "btree"
    options: Mapping[str, str | float] | None = None
    name = CREATE
    isolated = True

    @classmethod
    def create_index_per_chunk(
        cls,
        operations: Operations,
        table: str,
        index: str,
        columns: Sequence[str],
        *,
        where: str | None = None,
        using: str = "btree",
        options: Mapping[str, str | float] | None = None,
        schema: str | None = None,
    ) -> None:
        """Create an index of a hypertable with a transaction for each chunk."""
        operations.invoke(cls(table, schema, index, columns, where, using, options))

    def statements(self, run: Run) -> Sequence[str]:
        if isinstance(self.columns, str) or not self.columns:
            raise UsageError(
                f"create_index_per_chunk of {self.subject} does not say which columns",
                mend='give a list: columns=["device", "at DESC"]',
            )
        key = _key(self, run)
        return [self._prepare(run, key), self._create(), undo.forget(key)]

    def _prepare(self, run: Run, key: undo.Key) -> str:
        """The first lock is waited for in attempts. What a run that was cut off left is known by its row, and goes."""
        return do_block(
            """
            DECLARE
              facts record;
              there record;
              begun jsonb;
            BEGIN
              {{require_support}}
              {{find_hypertable}}
              {{lock}}
              {{recall}}
              {{find}}
              IF FOUND AND (begun IS NULL OR there.of_table IS NOT TRUE) THEN
                {{taken}}
              ELSIF FOUND AND NOT there.complete THEN
                EXECUTE format('DROP INDEX %s', there.name);
              END IF;
              {{remember}}
            END
            """,
            require_support=require_support(key, replace(run, on_unsupported=OnUnsupported.ERROR)),
            find_hypertable=find_hypertable(
                self.subject, "a plain table takes op.create_index(…, postgresql_concurrently=True)"
            ),
            lock=lock(self.subject, "SHARE", run.locking),
            recall=undo.recall(key, "begun"),
            find=_find(self.subject, self.index),
            taken=refuse(
                f"format('the name %I is taken in the schema of %s', {literal(self.index)}, {literal(self.subject)})",
                "choose another name, or drop what has it",
            ),
            remember=undo.remember(key, "'{}'"),
        )

    def _create(self) -> str:
        """Never inside a DO block: that ends the server (seen on 2.28.3)."""
        options = {"timescaledb.transaction_per_chunk": "true", **(self.options or {})}
        where = f" WHERE {self.where}" if self.where else ""
        return (
            f"CREATE INDEX IF NOT EXISTS {identifier(self.index)} ON {self.subject} USING {identifier(self.using)} "
            f"({', '.join(self.columns)}) WITH ({', '.join(f'{name} = {value}' for name, value in options.items())})"
            f"{where};"
        )

    def reverse(self) -> DropIndexPerChunk:
        return DropIndexPerChunk(self.table, self.schema, self.index, self)


def _key(asked: CreateIndexPerChunk | DropIndexPerChunk, run: Run) -> undo.Key:
    return undo.Key(run.revision, CREATE, f"{identifier(asked.index)} on {asked.subject}")


def _find(subject: str, index: str) -> str:
    """Into `there`: what has the index's name in the table's schema."""
    return assemble(
        """
        SELECT c.oid::regclass AS name, i.indrelid = {{table}}::regclass AS of_table, i.indisvalid AS complete
          INTO there
          FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
         WHERE c.relname = {{index}}
           AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = {{table}}::regclass);
        """,
        table=literal(subject),
        index=literal(index),
    )


@operation
@dataclass(frozen=True)
class DropIndexPerChunk(TableOperation):
    """Take `create_index_per_chunk` back: the index goes, from all chunks at once."""

    index: str
    created: CreateIndexPerChunk | None = field(default=None, metadata=NOT_WRITTEN)
    name = "drop_index_per_chunk"

    @classmethod
    def drop_index_per_chunk(cls, operations: Operations, table: str, index: str, *, schema: str | None = None) -> None:
        """Drop an index that `create_index_per_chunk` created."""
        operations.invoke(cls(table, schema, index))

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  there record;
                BEGIN
                  {{require_table}}
                  {{lock}}
                  {{find}}
                  IF NOT FOUND OR there.of_table IS NOT TRUE THEN
                    {{missing}}
                  END IF;
                  EXECUTE format('DROP INDEX %s', there.name);
                END
                """,
                require_table=require_table(self.subject),
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking),
                find=_find(self.subject, self.index),
                missing=refuse(
                    literal(f"{self.subject} has no index {identifier(self.index)}"), "correct the name in the revision"
                ),
            )
        ]

    def reverse(self) -> CreateIndexPerChunk:
        return self.known(self.created, "the index's columns", "create_index_per_chunk")
