"""Blocks that go chunk by chunk, a transaction each, so that no lock is held for long and few at a time.

Which chunks were done stands in `tsmigrate.undo`, a row for each, written in the same transaction: a run that is cut
off goes on where it stood, and the way back knows which chunks are its own. The blocks' variables are `facts` (see
`facts.find_hypertable`), `chunk` (its qualified name) and `done` (boolean).
"""

from __future__ import annotations

from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, free, in_attempts, refuse, tell
from tsmigrate.sql import literal
from tsmigrate.undo import Key


def compress(run: Run) -> str:
    """Bring `chunk` into the columnstore; `done` says whether this was our work."""
    return _patiently(
        run,
        assemble(
            """
            -- A chunk that foreign keys point into cannot be truncated (XX000): its rows are deleted instead.
            IF EXISTS (SELECT FROM pg_constraint WHERE confrelid = facts.relation AND contype = 'f') THEN
              PERFORM set_config('timescaledb.compress_truncate_behaviour', 'truncate_disabled', true);
            END IF;
            PERFORM compress_chunk(chunk::regclass, if_not_compressed => false);
            done := true;
            """
        ),
    )


def decompress(run: Run) -> str:
    """Take `chunk` out of the columnstore; `done` says whether this was our work."""
    return _patiently(run, "done := decompress_chunk(chunk::regclass, if_compressed => true) IS NOT NULL;")


def _patiently(run: Run, work: str) -> str:
    """Somebody else may have dropped the chunk, or compressed it."""
    return "done := false;\n" + in_attempts(
        work,
        run.locking,
        given_up_on="undefined_table OR duplicate_object",
        busy=refuse(
            f"format('the chunk %s could not be locked in {run.locking.attempts}', chunk)",
            f"what is done stays done: {free('the chunk')}, and run this again",
        ),
    )


def remember_chunk(key: Key) -> str:
    """Write a row for `chunk`; the table tsmigrate.undo is there."""
    return assemble(
        """
        INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
        VALUES ({{revision}}, {{operation}}, {{subject}} || ' ' || chunk, jsonb_build_object('chunk', chunk))
        ON CONFLICT DO NOTHING;
        """,
        revision=literal(key.revision),
        operation=literal(_of_chunks(key)),
        subject=literal(key.subject),
    )


def forget_chunk(key: Key) -> str:
    """Delete the row of `chunk`."""
    return f"DELETE FROM tsmigrate.undo WHERE {_rows(key)} AND definition ->> 'chunk' = chunk;"


def remembered_chunks(key: Key) -> str:
    """A query for the chunks that have a row, with some of them gone perhaps."""
    return f"SELECT definition ->> 'chunk' AS chunk FROM tsmigrate.undo WHERE {_rows(key)} ORDER BY 1"


def _rows(key: Key) -> str:
    return (
        f"revision = {literal(key.revision)} AND operation = {literal(_of_chunks(key))} "
        f"AND starts_with(subject, {literal(key.subject + ' ')})"
    )


def _of_chunks(key: Key) -> str:
    return f"{key.operation}: chunk"


def tell_now_and_then(message: str) -> str:
    """Tell how far it is, every five seconds, which `told` (a timestamptz) keeps. `message` is an SQL expression."""
    return assemble(
        """
        IF clock_timestamp() > told + interval '5 s' THEN
          {{tell}}
          told := clock_timestamp();
        END IF;
        """,
        tell=tell(message),
    )


def forget_that_it_was_skipped(key: Key) -> str:
    """An earlier run of an isolated operation may have skipped it without stamping its revision."""
    return assemble(
        """
        IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
          DELETE FROM tsmigrate.undo WHERE {{condition}} AND definition ? 'skipped';
        END IF;
        """,
        condition=key.condition,
    )
