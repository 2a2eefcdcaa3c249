"""`op.add_column_to_continuous_aggregate` and its way back, which builds the aggregate without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops.aggregate_definition import CAPTURE, RESTORE
from tsmigrate.ops.buckets import find_lost_buckets
from tsmigrate.ops.continuous_aggregate import archive_or_refuse, executed
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.ops.operation import NOT_WRITTEN, TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, return_if_skipped
from tsmigrate.plpgsql import do_block, refuse
from tsmigrate.sql import identifier, literal
from tsmigrate.undo import Key

ADD = "add_column_to_continuous_aggregate"


@operation
@dataclass(frozen=True)
class AddAggregateColumn(TableOperation):
    """Add a column to a continuous aggregate where it stands (TimescaleDB Community 2.28 or later).

    `expression` is what the SELECT would have, such as `"max(value)"`, and `column_type` what that comes to. Buckets
    that are filled have NULL in it until a refresh covers them with `force => true`.
    """

    column: str
    column_type: str
    expression: str
    name = ADD

    @classmethod
    def add_column_to_continuous_aggregate(
        cls,
        operations: Operations,
        name: str,
        column: str,
        column_type: str,
        expression: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Add a column to a continuous aggregate."""
        operations.invoke(cls(name, schema, column, column_type, expression))

    def statements(self, run: Run) -> Sequence[str]:
        key = _key(self, self.column, run)
        added = f"{identifier(self.column)} {self.column_type} GENERATED ALWAYS AS ({self.expression}) STORED"
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  remembered jsonb;
                  detail text;
                BEGIN
                  {{require_support}}
                  {{find}}
                  {{reasons}}
                  {{capture}}
                  {{remember}}
                  EXECUTE {{add}};
                END
                """,
                require_support=require_support(key, run),
                find=find_aggregate(self.subject),
                reasons=refuse_all(f"{ADD} of {self.subject}", (NOT_ITS_OWNER,)),
                capture=CAPTURE,
                remember=undo.remember(key, "remembered"),
                add=literal(f"ALTER MATERIALIZED VIEW {self.subject} ADD COLUMN {added}"),
            )
        ]

    def reverse(self) -> DropAggregateColumn:
        return DropAggregateColumn(self.table, self.schema, self.column, self)


def _key(asked: TableOperation, column: str, run: Run) -> Key:
    key = asked.undo_key(run, ADD)
    return replace(key, subject=f"{key.subject}.{identifier(column)}")


@operation
@dataclass(frozen=True)
class DropAggregateColumn(TableOperation):
    """Take `add_column_to_continuous_aggregate` back. TimescaleDB drops no column: the aggregate is made anew.

    It has its indexes, policies, grants and comments as before the upgrade, and its rows with the next refresh. Refused
    where the rows below can no longer give them, as `drop_continuous_aggregate` is.
    """

    column: str
    added: AddAggregateColumn | None = field(default=None, metadata=NOT_WRITTEN)
    name = "drop_column_from_continuous_aggregate"

    @classmethod
    def drop_column_from_continuous_aggregate(
        cls, operations: Operations, name: str, column: str, *, schema: str | None = None
    ) -> None:
        """Take the column out of a continuous aggregate again that this revision's upgrade added."""
        operations.invoke(cls(name, schema, column))

    def statements(self, run: Run) -> Sequence[str]:
        key = _key(self, self.column, run)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  lost record;
                  archive text;
                  remembered jsonb;
                  detail text;
                BEGIN
                  {{recall}}
                  {{insist}}
                  {{return_if_skipped}}
                  {{find}}
                  {{find_lost}}
                  IF lost.whole + lost.partly > 0 THEN
                    {{destroy}}
                  END IF;
                  BEGIN
                    {{drop}}
                  EXCEPTION WHEN dependent_objects_still_exist THEN
                    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
                    {{needed}}
                  END;
                  {{restore}}
                END
                """,
                recall=undo.recall(key, "remembered"),
                insist=undo.insist("remembered", key),
                return_if_skipped=return_if_skipped("remembered"),
                find=find_aggregate(self.subject),
                find_lost=find_lost_buckets(self.subject, changes_are_lost=True),
                destroy=archive_or_refuse(self.subject, run),
                drop=executed(literal(f"DROP MATERIALIZED VIEW {self.subject}"), self.subject, run),
                needed=refuse(
                    f"format(E'%s cannot be made without its column:\\n%s', {literal(self.subject)}, detail)",
                    "drop what depends on it first",
                ),
                restore=RESTORE,
            )
        ]

    def reverse(self) -> AddAggregateColumn:
        return self.known(self.added, f"what {self.column} was", "add_column_to_continuous_aggregate")
