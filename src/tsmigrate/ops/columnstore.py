"""`op.set_columnstore` and its way back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.catalog.timescale import COLUMNSTORE_POLICY
from tsmigrate.ops import emulate
from tsmigrate.ops.columnstore_settings import apply_settings, disable, read_settings
from tsmigrate.ops.facts import COMPRESSED_CHUNKS, HOLDER, LOCKS_TO_DECOMPRESS, find_hypertable_or_aggregate, policy
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, Reason, no_room_for_locks, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, skip_with_upgrade, taken_back
from tsmigrate.plpgsql import assemble, do_block, lock
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind, Row, State
from tsmigrate.schema import layout
from tsmigrate.schema.layout import Order
from tsmigrate.sql import identifier, literal

SET, DISABLE = "set_columnstore", "disable_columnstore"


@operation
@dataclass(frozen=True)
class SetColumnstore(TableOperation):
    """Enable the columnstore of a hypertable or a continuous aggregate, or change how it is laid out.

    `segmentby` names the columns by which rows are kept together, usually the one most queries filter by and that has
    over a hundred rows for each value in a chunk; `[]` says none. `orderby` says how rows are ordered within, as in
    `["at DESC"]` or `["at DESC NULLS LAST"]`; names are taken as they stand, in double quotes where they hold blanks or
    commas. What is left out, TimescaleDB chooses by itself, often poorly. Chunks compressed before keep their layout.

    This compresses nothing: `op.add_columnstore_policy` and `op.compress_chunks` do.
    """

    segmentby: Sequence[str] | None = None
    orderby: Sequence[str] | None = None
    name = SET

    @classmethod
    def set_columnstore(
        cls,
        operations: Operations,
        table: str,
        *,
        segmentby: Sequence[str] | None = None,
        orderby: Sequence[str] | None = None,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Enable the columnstore of a hypertable or a continuous aggregate, with the layout of its chunks."""
        operations.invoke(cls(table, schema, segmentby, orderby, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        order = layout.parse(f"{SET} of {self.subject}", self.segmentby, self.orderby)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{look}}
                  {{lock}}
                  {{read}}
                  {{remember}}
                  {{apply}}
                END
                """,
                skip_with_upgrade=skip_with_upgrade(self.undo_key(run, DISABLE), run),
                require_support=require_support(self.undo_key(run, SET), run, emulated=self._deferred(run, order)),
                look=self._look(order),
                # TimescaleDB takes the same lock, on the hypertable alone.
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking, only=True, held_in=HOLDER),
                read=read_settings("before"),
                remember=undo.remember(self.undo_key(run, SET), "coalesce(before, '{}')"),
                apply=apply_settings(self._settings(order)),
            )
        ]

    def _look(self, order: list[Order]) -> str:
        return assemble(
            """
            {{find}}
            {{reasons}}
            """,
            find=find_hypertable_or_aggregate(self.subject),
            reasons=refuse_all(f"set_columnstore of {self.subject}", self._reasons(order)),
        )

    def _deferred(self, run: Run, order: list[Order]) -> str:
        """The layout is kept for `promote`."""
        declared = {"segmentby": self.segmentby, "orderby": self.orderby}
        settings = (
            f"({self._settings(order)}) || jsonb_build_object('declared', {literal(json.dumps(declared))}::jsonb)"
        )
        row = Row(Kind.COLUMNSTORE, State.DEFERRED, "facts.relation", config=settings)
        key = self.undo_key(run, SET)
        return assemble(
            """
            {{look}}
            SELECT config INTO before FROM tsmigrate.policy
             WHERE relation = facts.relation AND kind = 'columnstore';
            IF before IS NULL THEN
              {{write}}
            ELSE
              UPDATE tsmigrate.policy SET config = {{settings}}
               WHERE relation = facts.relation AND kind = 'columnstore';
            END IF;
            {{remember}}
            {{told}}
            """,
            look=emulate.begin(self._look(order)),
            write=state.write(key, row),
            settings=settings,
            remember=undo.remember(key, "jsonb_build_object('emulated', true, 'before', coalesce(before, '{}'))"),
            told=emulate.told(key, "deferred"),
        )

    def _settings(self, order: list[Order]) -> str:
        """An expression of type jsonb, as `read_settings` gives it."""
        segmentby = None if self.segmentby is None else ", ".join(map(identifier, self.segmentby))
        orderby = ", ".join(map(str, order)) or None
        values = ", ".join(
            f"'{name}', {'NULL::text' if value is None else literal(value)}"
            for name, value in (("segmentby", segmentby), ("orderby", orderby))
        )
        # What this operation does not speak of stays as it is.
        return f"coalesce(before, '{{}}') || jsonb_build_object({values})"

    def _reasons(self, order: list[Order]) -> list[Reason]:
        columns = [*(self.segmentby or ()), *(entry.column for entry in order)]
        return [
            NOT_ITS_OWNER,
            *map(_unknown, columns),
            Reason(
                when="facts.row_security",
                told="'row security is enabled on it, which its columnstore would not know'",
                mend="ALTER TABLE … DISABLE ROW LEVEL SECURITY, and look after access in another way",
            ),
            Reason(
                when=f"EXISTS ({_EXCLUSIONS})",
                told=f"format('it has the exclusion constraint %s, which its columnstore would not enforce', "
                f"(SELECT string_agg(quote_ident(conname), ', ' ORDER BY conname) FROM ({_EXCLUSIONS}) AS e))",
                mend="drop the exclusion constraint: ALTER TABLE … DROP CONSTRAINT …",
            ),
        ]

    def reverse(self) -> RestoreColumnstore:
        return RestoreColumnstore(self.table, self.schema, self.segmentby, self.orderby)


_EXCLUSIONS = "SELECT conname FROM pg_constraint WHERE conrelid = facts.relation AND contype = 'x'"


def _unknown(column: str) -> Reason:
    identifier(column)  # refuses what PostgreSQL would cut off
    return Reason(
        when="NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = facts.relation "
        f"AND attname = {literal(column)} AND attnum > 0 AND NOT attisdropped)",
        told=f"format('it has no column %I', {literal(column)})",
        mend="correct the column's name in the revision; upper and lower case differ",
    )


@operation
@dataclass(frozen=True)
class RestoreColumnstore(TableOperation):
    """Take `set_columnstore` back: the settings are again what they were before the revision.

    Where there was no columnstore, chunks that are still in it are decompressed, in one transaction, and it is
    disabled; refused while a policy would compress them again. `segmentby` and `orderby`, which the upgrade had set,
    are needed only to reverse this operation in turn.
    """

    segmentby: Sequence[str] | None = None
    orderby: Sequence[str] | None = None
    name = "restore_columnstore"

    @classmethod
    def restore_columnstore(
        cls,
        operations: Operations,
        table: str,
        *,
        segmentby: Sequence[str] | None = None,
        orderby: Sequence[str] | None = None,
        schema: str | None = None,
    ) -> None:
        """Give a columnstore back the settings it had before this revision, usually none."""
        operations.invoke(cls(table, schema, segmentby, orderby))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, SET)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                  chunk text;
                BEGIN
                  {{recall}}
                  {{taken_back}}
                  {{insist}}
                  {{find}}
                  {{lock}}
                  IF before <> '{}' THEN
                    {{apply}}
                  ELSE
                    {{disable}}
                  END IF;
                END
                """,
                recall=undo.recall(key, "before"),
                taken_back=taken_back("before", key, run, self._emulated()),
                insist=undo.insist("before", key),
                find=find_hypertable_or_aggregate(self.subject),
                lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking, only=True, held_in=HOLDER),
                apply=apply_settings("before"),
                disable=take_out_and_disable(self),
            )
        ]

    def _emulated(self) -> str:
        """What was deferred is forgotten, or as it was before."""
        return assemble(
            """
            {{find}}
            IF before -> 'before' <> '{}' THEN
              UPDATE tsmigrate.policy SET config = before -> 'before'
               WHERE relation = facts.relation AND kind = 'columnstore';
            ELSE
              {{forget}}
            END IF;
            """,
            find=emulate.begin(find_hypertable_or_aggregate(self.subject)),
            forget=emulate.removed(Kind.COLUMNSTORE),
        )

    def reverse(self) -> SetColumnstore:
        return SetColumnstore(self.table, self.schema, self.segmentby, self.orderby)


def take_out_and_disable(asked: TableOperation) -> str:
    """What `facts` is of has its chunks decompressed, and no columnstore any more."""
    return assemble(
        """
        {{reasons}}
        {{decompress}}
        {{disable}}
        """,
        reasons=refuse_all(f"{asked.name} of {asked.subject}", REASONS_AGAINST_DISABLING),
        decompress=_DECOMPRESS_ALL,
        disable=disable(),
    )


REASONS_AGAINST_DISABLING = (
    NOT_ITS_OWNER,
    Reason(
        among="timescaledb_information.jobs",
        when=policy(COLUMNSTORE_POLICY),
        told="'a policy would compress its chunks again'",
        mend="take back add_columnstore_policy first: op.remove_columnstore_policy",
    ),
    no_room_for_locks(LOCKS_TO_DECOMPRESS, "decompressing its chunks"),
)

_DECOMPRESS_ALL = assemble(
    """
    FOR chunk IN {{compressed}} LOOP
      PERFORM decompress_chunk(chunk::regclass, true);
    END LOOP;
    """,
    compressed=COMPRESSED_CHUNKS,
)
