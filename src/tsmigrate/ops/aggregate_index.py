"""`op.create_aggregate_index` and its way back: an index on what a continuous aggregate holds, on either edition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembic.operations import Operations

from tsmigrate.errors import UsageError
from tsmigrate.ops import emulate
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, Reason, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, skip_with_upgrade
from tsmigrate.plpgsql import assemble, do_block
from tsmigrate.schema import layout
from tsmigrate.sql import identifier, literal
from tsmigrate.undo import Key

CREATE, DROP = "create_aggregate_index", "drop_aggregate_index"


@dataclass(frozen=True)
class _Index(TableOperation):
    index: str

    def key(self, run: Run, operation: str) -> Key:
        """An aggregate may get several in one revision."""
        return Key(run.revision, operation, f"{identifier(self.index)} on {self.subject}", written=not run.downgrading)

    def _look(self, reason: Reason) -> str:
        return assemble(
            """
            {{find}}
            {{reasons}}
            """,
            find=find_aggregate(self.subject),
            reasons=refuse_all(f"{self.name} of {self.subject}", (NOT_ITS_OWNER, reason)),
        )


@operation
@dataclass(frozen=True)
class CreateAggregateIndex(_Index):
    """Index what a continuous aggregate holds, for those that read it by something else than its buckets.

    `columns` are in the words of a columnstore's `orderby`: `["device", "hour DESC"]`. `op.create_index` does the same
    on the Community edition, and fails where the aggregate is emulated, since it is a view there: this indexes the
    table behind the view. `tsmigrate policies promote` takes the index along.
    """

    columns: Sequence[str]
    name = CREATE

    @classmethod
    def create_aggregate_index(
        cls,
        operations: Operations,
        index: str,
        name: str,
        columns: Sequence[str],
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Create an index on a continuous aggregate."""
        operations.invoke(cls(name, schema, index, columns, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        columns = ", ".join(map(str, layout.parse(f"{CREATE} of {self.subject}", None, self.columns)))
        create = f"CREATE INDEX {identifier(self.index)} ON "
        done = assemble(
            """
            {{look}}
            EXECUTE {{create}} || CASE WHEN {{emulated}} THEN format('%I.%I', facts.holder_schema, facts.holder_name)
                                       ELSE facts.relation::text END || {{columns}};
            """,
            look=self._look(_taken(self.index)),
            create=literal(create),
            emulated="facts.holder_schema = 'tsmigrate'",
            columns=literal(f" ({columns})"),
        )
        skipped = skip_with_upgrade(self.key(run, DROP), run)
        support = require_support(self.key(run, CREATE), run, emulated=emulate.begin(done))
        return [_block(skipped, support, done)]

    def reverse(self) -> DropAggregateIndex:
        return DropAggregateIndex(self.table, self.schema, self.index, self)


@operation
@dataclass(frozen=True)
class DropAggregateIndex(_Index):
    """Drop an index of a continuous aggregate; in a downgrade the one that `op.create_aggregate_index` created."""

    created: CreateAggregateIndex | None = field(default=None, metadata=NOT_WRITTEN)
    name = DROP

    @classmethod
    def drop_aggregate_index(
        cls,
        operations: Operations,
        index: str,
        name: str,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Drop an index of a continuous aggregate."""
        operations.invoke(cls(name, schema, index, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        done = assemble(
            """
            {{look}}
            EXECUTE format('DROP INDEX %I.%I', facts.holder_schema, {{index}});
            """,
            look=self._look(_missing(self.index)),
            index=literal(self.index),
        )
        skipped = skip_with_upgrade(self.key(run, CREATE), run)
        support = require_support(self.key(run, DROP), run, emulated=emulate.begin(done))
        return [_block(skipped, support, done)]

    def reverse(self) -> CreateAggregateIndex:
        if self.created is None:
            raise UsageError(
                f"{DROP} of {self.index} does not know its columns",
                mend=f"write the downgrade with op.{CREATE} by hand",
            )
        return self.created


def _block(skipped: str, support: str, done: str) -> str:
    return do_block(
        """
        DECLARE
          facts record;
        BEGIN
          {{skipped}}
          {{support}}
          {{done}}
        END
        """,
        skipped=skipped,
        support=support,
        done=done,
    )


_THERE = "to_regclass(format('%I.%I', facts.holder_schema, {index}))"


def _taken(index: str) -> Reason:
    return Reason(
        when=f"{_THERE.format(index=literal(index))} IS NOT NULL",
        told=f"format('there is %I already, where the rows of the aggregate are', {literal(index)})",
        mend="give the index another name",
    )


def _missing(index: str) -> Reason:
    return Reason(
        when="NOT EXISTS (SELECT FROM pg_index WHERE indrelid = format('%I.%I', facts.holder_schema, "
        f"facts.holder_name)::regclass AND indexrelid = {_THERE.format(index=literal(index))})",
        told=f"format('it has no index %I', {literal(index)})",
        mend="correct the name in the revision",
    )
