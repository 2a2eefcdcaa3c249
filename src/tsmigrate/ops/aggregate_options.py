"""`op.rename_continuous_aggregate` and `op.set_materialized_only`, each its own way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops import emulate
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.support import require_support, skip_with_upgrade
from tsmigrate.plpgsql import assemble, do_block, view_options
from tsmigrate.policies.windows import VIEW
from tsmigrate.sql import identifier, literal, qualified
from tsmigrate.undo import Key

RENAME = "rename_continuous_aggregate"
MATERIALIZED_ONLY = "set_materialized_only"


@operation
@dataclass(frozen=True)
class RenameContinuousAggregate(TableOperation):
    """Give a continuous aggregate another name, with all that belongs to it: its rows, policies and indexes stay.

    Views that read it go on reading it under its new name. One that an upgrade set aside in this way, to build another
    one under its name, is no difference to autogenerate, though no model declares it; drop it with
    `op.drop_continuous_aggregate` once its rows are not needed.
    """

    new_name: str
    name = RENAME

    @classmethod
    def rename_continuous_aggregate(
        cls,
        operations: Operations,
        name: str,
        new_name: str,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Give a continuous aggregate another name."""
        operations.invoke(cls(name, schema, new_name, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, RENAME)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{done}}
                END
                """,
                skip_with_upgrade=skip_with_upgrade(
                    Key(run.revision, RENAME, qualified(self.new_name, self.schema)), run
                ),
                require_support=require_support(key, run, emulated=emulate.begin(self._done_to("VIEW", key))),
                done=self._done_to("MATERIALIZED VIEW", key),
            )
        ]

    def _done_to(self, kind: str, key: Key) -> str:
        return assemble(
            """
            {{find}}
            {{reasons}}
            {{remember}}
            EXECUTE {{rename}};
            """,
            find=find_aggregate(self.subject),
            reasons=refuse_all(f"{RENAME} of {self.subject}", (NOT_ITS_OWNER,)),
            remember=undo.remember(
                key, f"jsonb_build_object('schema', facts.schema, 'name', {literal(self.new_name)})"
            ),
            rename=literal(f"ALTER {kind} {self.subject} RENAME TO {identifier(self.new_name)}"),
        )

    def reverse(self) -> RenameContinuousAggregate:
        return RenameContinuousAggregate(self.new_name, self.schema, self.table)


@operation
@dataclass(frozen=True)
class SetMaterializedOnly(TableOperation):
    """Say whether reading a continuous aggregate also aggregates the rows that are newer than what is filled.

    With True it does not. The downgrade says the opposite.
    """

    materialized_only: bool
    name = MATERIALIZED_ONLY

    @classmethod
    def set_materialized_only(
        cls,
        operations: Operations,
        name: str,
        materialized_only: bool,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Say whether a continuous aggregate is read as it is filled, and no further."""
        operations.invoke(cls(name, schema, materialized_only, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, MATERIALIZED_ONLY)
        option = f"timescaledb.materialized_only = {str(self.materialized_only).lower()}"
        return [
            do_block(
                """
                DECLARE
                  facts record;
                BEGIN
                  {{skip_with_upgrade}}
                  {{require_support}}
                  {{find}}
                  {{reasons}}
                  EXECUTE {{set}};
                END
                """,
                skip_with_upgrade=skip_with_upgrade(key, run),
                require_support=require_support(key, run, emulated=self._emulated()),
                find=find_aggregate(self.subject),
                reasons=refuse_all(f"{MATERIALIZED_ONLY} of {self.subject}", (NOT_ITS_OWNER,)),
                set=literal(f"ALTER MATERIALIZED VIEW {self.subject} SET ({option})"),
            )
        ]

    def _emulated(self) -> str:
        """The view is made anew over the same table."""
        return assemble(
            """
            {{begin}}
            DECLARE
              aggregate jsonb;
              other text;
              path text := current_setting('search_path');
            BEGIN
              UPDATE tsmigrate.policy SET config = config || '{"materialized_only": {{only}}}'
               WHERE relation = facts.relation AND kind = 'aggregate' RETURNING config INTO aggregate;
              {{view}}
              EXECUTE format('CREATE OR REPLACE VIEW %s%s AS %s', facts.relation, {{options}}, other);
            END;
            """,
            begin=emulate.begin(
                find_aggregate(self.subject)
                + "\n"
                + refuse_all(f"{MATERIALIZED_ONLY} of {self.subject}", (NOT_ITS_OWNER,))
            ),
            only=str(self.materialized_only).lower(),
            view=VIEW,
            options=view_options("facts.relation"),
        )

    def reverse(self) -> SetMaterializedOnly:
        return SetMaterializedOnly(self.table, self.schema, not self.materialized_only)
