"""`op.alter_compressed`, whose way back is itself with another alteration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops import chunkwise
from tsmigrate.ops.columnstore_settings import apply_settings, disable, read_settings
from tsmigrate.ops.facts import COMPRESSED_CHUNKS, LOCKS_TO_ALTER, POLICIES_TO_PAUSE, find_hypertable
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import NOT_ITS_OWNER, no_room_for_locks, refuse_all
from tsmigrate.ops.run import OnUnsupported, Run
from tsmigrate.ops.support import require_support
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, tell
from tsmigrate.sql import identifier, literal
from tsmigrate.undo import Key

ALTER = "alter_compressed"


@operation
@dataclass(frozen=True)
class AlterCompressed(TableOperation):
    """Alter a hypertable that has compressed chunks, where TimescaleDB refuses that or gets it wrong.

    `alteration` is what follows `ALTER TABLE reading`, as in `"ALTER COLUMN value TYPE numeric"`; `back` is what takes
    it back in the downgrade, `alteration` and `back` swapped. The table's columnstore, retention and reorder policies
    are paused, its compressed chunks decompressed one by one, the table altered in one transaction (with the
    columnstore disabled meanwhile where it is in the way), those chunks compressed again under the table's settings,
    and the policies resumed. There must be room for the decompressed chunks. What TimescaleDB does well by itself, such
    as adding a column that may be NULL, needs none of this.

    It runs outside of a transaction, alone in its revision. When it is cut off, run the revision again and it goes on
    where it stood. An alteration that fails leaves chunks and policies as they were. On the Apache edition, which has
    no compressed chunks, it is a plain ALTER TABLE.
    """

    alteration: str
    back: str
    name = ALTER
    isolated = True

    @classmethod
    def alter_compressed(
        cls, operations: Operations, table: str, alteration: str, *, back: str, schema: str | None = None
    ) -> None:
        """Alter a hypertable that has compressed chunks."""
        operations.invoke(cls(table, schema, alteration, back))

    def statements(self, run: Run) -> Sequence[str]:
        self._insist_on_alterations()
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  state jsonb;
                  settings jsonb;
                  chunk text;
                  job int;
                  done boolean;
                  altered boolean := false;
                  failed text;
                  failed_with text;
                  number int := 0;
                  told timestamptz := clock_timestamp();
                BEGIN
                  {{require_support}}
                  {{read_state}}
                  {{find}}
                  {{begin}}
                  WHILE state ->> 'phase' = 'decompress' LOOP
                    {{decompress}}
                    {{alter}}
                    COMMIT;
                  END LOOP;
                  {{compress}}
                  {{resume}}
                  {{tell_failure}}
                END
                """,
                # Skipped, it would leave another schema.
                require_support=require_support(self._key(run), replace(run, on_unsupported=OnUnsupported.ERROR)),
                read_state=undo.look(self._key(run), "state"),
                find=find_hypertable(self.subject),
                begin=self._begin(run),
                decompress=self._decompress(run),
                alter=self._alter(run),
                compress=self._compress(run),
                resume=self._resume(run),
                tell_failure=self._tell_failure(run),
            )
        ]

    def closing_statements(self, run: Run) -> Sequence[str]:
        return [undo.forget(self._key(run))]

    def _insist_on_alterations(self) -> None:
        for name, text in (("alteration", self.alteration), ("back", self.back)):
            if not text.strip() or re.match(r"\s*ALTER\s+TABLE\b", text, re.IGNORECASE):
                raise UsageError(
                    f"alter_compressed of {self.subject}: {name} is {text!r}",
                    mend='give what follows ALTER TABLE and the name, as in "ALTER COLUMN value TYPE numeric"',
                )
            if re.match(r"\s*(RENAME\s+TO|SET\s+SCHEMA)\b", text, re.IGNORECASE):
                raise UsageError(
                    f"alter_compressed of {self.subject} does not give it another name: {text!r}",
                    mend="compressed chunks do not stand in the way of that: op.rename_table, or op.execute",
                )

    def _key(self, run: Run) -> Key:
        """Where it keeps how far it is."""
        return self.undo_key(run, ALTER)

    def _begin(self, run: Run) -> str:
        """Refuse what can be known to fail, and pause the policies; or take up what was begun before."""
        return assemble(
            """
            IF state IS NULL OR state ->> 'phase' = 'decompress' OR state ? 'failed' THEN
              {{reasons}}
              {{probe}}
              state := jsonb_build_object(
                'phase', 'decompress', 'alteration', {{alteration}},
                'paused', coalesce(state -> 'paused', '[]') || coalesce((
                  SELECT jsonb_agg(job_id) FROM timescaledb_information.jobs WHERE {{policies}} AND scheduled), '[]'));
              FOR job IN SELECT job_id FROM timescaledb_information.jobs WHERE {{policies}} AND scheduled LOOP
                PERFORM alter_job(job, scheduled => false);
              END LOOP;
              {{keep}}
            ELSIF state ->> 'alteration' <> {{alteration}} THEN
              {{another}}
            END IF;
            COMMIT;
            """,
            reasons=refuse_all(
                f"{ALTER} of {self.subject}",
                (NOT_ITS_OWNER, no_room_for_locks(LOCKS_TO_ALTER, "altering all of its chunks")),
            ),
            probe=self._probe(),
            alteration=literal(self.alteration),
            policies=POLICIES_TO_PAUSE,
            keep=undo.keep(self._key(run), "state"),
            another=refuse(
                f"format('%s was cut off after this alteration was made: %s', {literal(self.subject)}, "
                "state ->> 'alteration')",
                "put that alteration back into the revision and run it again; the other one goes into another revision",
            ),
        )

    def _probe(self) -> str:
        """Try it on an empty table of the same shape: a slip of the pen is told before chunks are decompressed.

        Only errors that the real table would give as well count; the probe has no hypertable's limits, nor its keys.
        """
        name = identifier(self.table)
        probe = f"CREATE TEMPORARY TABLE {name} (LIKE {self.subject} INCLUDING ALL)"
        return assemble(
            """
            BEGIN
              EXECUTE {{create}};
              EXECUTE {{alter}};
              RAISE EXCEPTION USING ERRCODE = 'TSM00';
            EXCEPTION
              WHEN syntax_error OR undefined_column OR duplicate_column OR datatype_mismatch OR cannot_coerce
                OR undefined_function THEN
                {{refused}}
              WHEN others THEN
                NULL;
            END;
            """,
            create=literal(probe),
            alter=literal(f"ALTER TABLE pg_temp.{name} {self.alteration}"),
            refused=refuse(
                f"format('alter_compressed of %s is refused: %s', {literal(self.subject)}, SQLERRM)",
                "correct the alteration in the revision",
            ),
        )

    def _decompress(self, run: Run) -> str:
        """All that are compressed now: a job that was running, or somebody else, may have compressed more meanwhile."""
        return assemble(
            """
            FOR chunk IN {{compressed}} LOOP
              {{decompress}}
              IF done THEN
                {{remember_chunk}}
                number := number + 1;
              END IF;
              COMMIT;
              {{progress}}
            END LOOP;
            """,
            compressed=f"SELECT unnest(ARRAY({COMPRESSED_CHUNKS}))",
            decompress=chunkwise.decompress(run),
            remember_chunk=chunkwise.remember_chunk(self._key(run)),
            progress=chunkwise.tell_now_and_then(
                f"format('decompressed %s chunks of %s', number, {literal(self.subject)})"
            ),
        )

    def _alter(self, run: Run) -> str:
        return assemble(
            """
            {{lock}}
            IF NOT EXISTS ({{compressed}}) THEN
              {{read_settings}}
              BEGIN
                BEGIN
                  EXECUTE {{alteration}};
                EXCEPTION WHEN feature_not_supported THEN
                  IF settings IS NULL THEN
                    RAISE;
                  END IF;
                  {{disable}}
                  EXECUTE {{alteration}};
                  -- Afterwards it is what it was, or else all of this is taken back.
                  facts.columnstore := false;
                  {{apply}}
                  facts.columnstore := true;
                END;
                -- TimescaleDB takes this alteration, and would then enforce nothing on compressed chunks.
                IF settings IS NOT NULL AND EXISTS (
                  SELECT FROM pg_constraint WHERE conrelid = facts.relation AND contype = 'x'
                ) THEN
                  RAISE EXCEPTION 'a columnstore does not enforce exclusion constraints';
                END IF;
              EXCEPTION WHEN others THEN
                GET STACKED DIAGNOSTICS failed = MESSAGE_TEXT, failed_with = RETURNED_SQLSTATE;
                state := state || jsonb_build_object('failed', failed || ' (' || failed_with || ')');
              END;
              state := state || '{"phase": "compress"}';
              {{keep}}
            END IF;
            """,
            lock=lock(self.subject, "ACCESS EXCLUSIVE", run.locking),
            compressed=COMPRESSED_CHUNKS,
            read_settings=read_settings("settings"),
            alteration=literal(f"ALTER TABLE {self.subject} {self.alteration}"),
            disable=disable(),
            apply=apply_settings("settings"),
            keep=undo.keep(self._key(run), "state"),
        )

    def _compress(self, run: Run) -> str:
        return assemble(
            """
            number := 0;
            FOR chunk IN SELECT unnest(ARRAY({{remembered}})) LOOP
              {{compress}}
              {{forget_chunk}}
              COMMIT;
              number := number + done::int;
              {{progress}}
            END LOOP;
            """,
            remembered=chunkwise.remembered_chunks(self._key(run)),
            compress=chunkwise.compress(run),
            forget_chunk=chunkwise.forget_chunk(self._key(run)),
            progress=chunkwise.tell_now_and_then(
                f"format('compressed %s chunks of %s again', number, {literal(self.subject)})"
            ),
        )

    def _resume(self, run: Run) -> str:
        """Those that were running before; one that somebody removed meanwhile stays removed."""
        return assemble(
            """
            FOR job IN
              SELECT job_id FROM timescaledb_information.jobs WHERE state -> 'paused' @> to_jsonb(job_id)
            LOOP
              PERFORM alter_job(job, scheduled => true);
            END LOOP;
            state := state || '{"phase": "finished", "paused": []}';
            {{keep}}
            COMMIT;
            """,
            keep=undo.keep(self._key(run), "state"),
        )

    def _tell_failure(self, run: Run) -> str:
        return assemble(
            """
            IF state ? 'failed' THEN
              failed := state ->> 'failed';
              {{recall}}
              COMMIT;
              {{refused}}
            END IF;
            {{done}}
            """,
            done=tell(f"format('altered %s and compressed %s chunks again', {literal(self.subject)}, number)"),
            recall=undo.recall(self._key(run), "state"),
            refused=refuse(
                f"format('%s could not be altered: %s', {literal(self.subject)}, failed)",
                "its chunks and policies are as they were; correct the alteration in the revision",
            ),
        )

    def reverse(self) -> AlterCompressed:
        return AlterCompressed(self.table, self.schema, self.back, self.alteration)
