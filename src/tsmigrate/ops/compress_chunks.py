"""`op.compress_chunks` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops import chunkwise, emulate
from tsmigrate.ops.facts import find_hypertable
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.reasons import NO_COLUMNSTORE, NOT_ITS_OWNER, refuse_all
from tsmigrate.ops.run import Run
from tsmigrate.ops.spans import NEGATIVE, Span
from tsmigrate.ops.support import require_support, return_if_skipped
from tsmigrate.plpgsql import do_block, tell
from tsmigrate.sql import literal
from tsmigrate.undo import Key

COMPRESS = "compress_chunks"


def _deferred(key: Key) -> str:
    """A policy compresses them once the server can. Then the downgrade has nothing to decompress, as after a skip."""
    return f"{undo.remember(key, _SKIPPED)}\n{emulate.told(key, 'deferred', 'a columnstore policy will compress them')}"


_SKIPPED = "'{\"skipped\": true}'"

_FIND_CHUNKS = """\
EXECUTE format(
  'SELECT array_agg(format(''%%I.%%I'', c.chunk_schema, c.chunk_name) ORDER BY c.chunk_name)
     FROM timescaledb_information.chunks c
     JOIN show_chunks($1, older_than => $2::%s) AS s (shown)
       ON s.shown = format(''%%I.%%I'', c.chunk_schema, c.chunk_name)::regclass
    WHERE NOT c.is_compressed', facts.span_type) INTO chunks USING facts.relation, older;"""


@operation
@dataclass(frozen=True)
class CompressChunks(TableOperation):
    """Move the chunks that hold only rows older than `older_than` into the columnstore, one transaction each.

    `older_than` is a PostgreSQL interval such as `'7 days'`; where the partition column is a whole number, it is the
    value of that column below which all rows of a chunk lie. Chunks that are compressed already stay as they are, and
    the downgrade decompresses those that this operation compressed, no others.

    It runs outside of a transaction, alone in its revision. Readers and writers wait for one chunk at most. When it is
    cut off, run the revision again and it goes on.
    """

    older_than: str | int
    name = COMPRESS
    isolated = True

    @classmethod
    def compress_chunks(
        cls,
        operations: Operations,
        table: str,
        older_than: str | int,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Move a hypertable's older chunks into the columnstore."""
        operations.invoke(cls(table, schema, older_than, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, COMPRESS)
        older = Span("older_than", "older", self.older_than, "say how old: '7 days'", refused=NEGATIVE)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  {{older}}
                  chunks text[];
                  chunk text;
                  done boolean;
                  compressed int := 0;
                  told timestamptz := clock_timestamp();
                BEGIN
                  {{forget_skip}}
                  {{require_support}}
                  {{find}}
                  {{read}}
                  {{reasons}}
                  {{keep}}
                  {{find_chunks}}
                  COMMIT;
                  FOREACH chunk IN ARRAY coalesce(chunks, '{}') LOOP
                    {{compress}}
                    IF done THEN
                      {{remember_chunk}}
                      compressed := compressed + 1;
                    END IF;
                    COMMIT;
                    {{progress}}
                  END LOOP;
                  {{finished}}
                END
                """,
                forget_skip=chunkwise.forget_that_it_was_skipped(key),
                require_support=require_support(key, run, emulated=_deferred(key)),
                older=older.declaration,
                find=find_hypertable(self.subject),
                read=older.read(),
                reasons=refuse_all(f"{COMPRESS} of {self.subject}", (NOT_ITS_OWNER, NO_COLUMNSTORE, older.reason)),
                keep=undo.keep(key, "'{}'"),
                find_chunks=_FIND_CHUNKS,
                compress=chunkwise.compress(run),
                remember_chunk=chunkwise.remember_chunk(key),
                progress=chunkwise.tell_now_and_then(
                    f"format('compressed %s of %s chunks of %s', compressed, cardinality(chunks), "
                    f"{literal(self.subject)})"
                ),
                finished=tell(f"format('compressed %s chunks of %s', compressed, {literal(self.subject)})"),
            )
        ]

    def reverse(self) -> DecompressChunks:
        return DecompressChunks(self.table, self.schema, self.older_than)


@operation
@dataclass(frozen=True)
class DecompressChunks(TableOperation):
    """Take `compress_chunks` back: decompress the chunks that it compressed, one transaction each.

    It runs outside of a transaction, alone in its downgrade, and goes on where it stood when it was cut off.
    `older_than`, which the upgrade was given, is needed only to reverse this operation in turn.
    """

    older_than: str | int | None = None
    name = "decompress_chunks"
    isolated = True

    @classmethod
    def decompress_chunks(
        cls, operations: Operations, table: str, *, older_than: str | int | None = None, schema: str | None = None
    ) -> None:
        """Decompress the chunks of a hypertable that this revision's upgrade compressed."""
        operations.invoke(cls(table, schema, older_than))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, COMPRESS)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  before jsonb;
                  chunks text[];
                  chunk text;
                  done boolean;
                  decompressed int := 0;
                  told timestamptz := clock_timestamp();
                BEGIN
                  {{read}}
                  {{skipped}}
                  {{insist}}
                  {{find}}
                  {{reasons}}
                  chunks := ARRAY({{remembered}});
                  FOREACH chunk IN ARRAY chunks LOOP
                    {{decompress}}
                    {{forget_chunk}}
                    COMMIT;
                    decompressed := decompressed + done::int;
                    {{progress}}
                  END LOOP;
                  {{finished}}
                END
                """,
                read=undo.look(key, "before"),
                skipped=return_if_skipped("before"),
                insist=undo.insist("before", key),
                find=find_hypertable(self.subject),
                reasons=refuse_all(f"{self.name} of {self.subject}", (NOT_ITS_OWNER,)),
                remembered=chunkwise.remembered_chunks(key),
                decompress=chunkwise.decompress(run),
                forget_chunk=chunkwise.forget_chunk(key),
                progress=chunkwise.tell_now_and_then(
                    f"format('decompressed %s of %s chunks of %s', decompressed, cardinality(chunks), "
                    f"{literal(self.subject)})"
                ),
                finished=tell(f"format('decompressed %s chunks of %s', decompressed, {literal(self.subject)})"),
            )
        ]

    def closing_statements(self, run: Run) -> Sequence[str]:
        return [undo.forget(self.undo_key(run, COMPRESS))]

    def reverse(self) -> CompressChunks:
        if self.older_than is None:
            raise UsageError(
                f"decompress_chunks of {self.subject} does not say which chunks the upgrade had compressed",
                mend="say how old they were: older_than=…",
            )
        return CompressChunks(self.table, self.schema, self.older_than)
