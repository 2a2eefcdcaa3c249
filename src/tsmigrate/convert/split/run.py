"""The cuts, a transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.convert.blocks import MISMATCH, TIED, do_block, name
from tsmigrate.convert.split.plan import Cut, Plan, Request
from tsmigrate.errors import BlockedError
from tsmigrate.plpgsql import REFUSED, Locking, assemble, lock
from tsmigrate.sql import literal, raw
from tsmigrate.url import without_passwords


@dataclass(frozen=True)
class Done:
    """How far it is: after a cut, `cuts` of `of` took `seconds` and moved `rows`."""

    cuts: int
    of: int
    rows: int
    pieces: int
    seconds: float


def cut_all(
    connection: Connection, plan: Plan, cuts: Sequence[Cut], locking: Locking, tell: Callable[[Done], None]
) -> Done:
    """Make the cuts; each stays when a later one fails, and `plan` finds what is left."""
    done = Done(0, len(cuts), 0, 0, 0.0)
    begun = monotonic()
    for cut in cuts:
        try:
            connection.execute(raw(block(plan, cut, locking)))
            connection.commit()
        except DBAPIError as error:
            raise _explained(plan, cut, done, error) from error
        done = Done(done.cuts + 1, done.of, done.rows + cut.rows, done.pieces + cut.pieces, monotonic() - begun)
        tell(done)
    return done


@contextmanager
def alone(connection: Connection, request: Request) -> Iterator[None]:
    """No two at once on a table: what one has cut, the other would look for in vain."""
    if connection.execute(_ALONE, {"table": name(request.table)}).scalar_one() is False:
        raise BlockedError(
            f"{name(request.table)} is being split already",
            mend="wait for the other run; where its client was killed, the server finishes or gives up its cut first "
            "(pg_locks, locktype advisory, names the process)",
        )
    connection.commit()
    yield


# The session holds it, whatever becomes of its transactions, and lets go of it when it ends.
_ALONE = text("SELECT pg_try_advisory_lock(hashtextextended('tsmigrate split ' || to_regclass(:table)::oid, 0))")


def block(plan: Plan, cut: Cut, locking: Locking) -> str:
    """One cut: the chunk is no chunk while its newest rows move into others, and comes back narrower."""
    locked = assemble(
        _LOCKED, chunk=literal(cut.chunk), tied=assemble(TIED, table=literal(plan.table), mode=_TIED_MODE)
    )
    return do_block(
        "split_cut",
        table=literal(plan.table),
        chunk=literal(cut.chunk),
        target="target",
        lower_end=str(cut.start),
        cut_at=str(cut.at),
        upper_end=str(cut.end),
        is_last="true" if cut.is_last else "false",
        interval="NULL" if plan.override is None else literal(plan.override),
        lock=lock(plan.table, "ACCESS EXCLUSIVE", locking, and_those=locked, only=True),
        rows_from="rows_from",
        attached_name="chunk_name",
        further_counts="''",
        further_counted="",
    )


# The chunk's foreign keys, and those to it, go and come back with it.
_TIED_MODE = "'SHARE ROW EXCLUSIVE'"
_LOCKED = """\
SELECT to_regclass({{chunk}})::text, 'ACCESS EXCLUSIVE' WHERE to_regclass({{chunk}}) IS NOT NULL
UNION ALL ({{tied}})"""

_MENDS = {
    "53100": "free some room on the server's disk, and run it again",
    "55P03": "end the sessions that hold the table (pg_locks, pg_blocking_pids), and run it again",
    "40P01": "run it again",
    "57014": "raise statement_timeout for this role, and run it again",
}


def _explained(plan: Plan, cut: Cut, done: Done, error: DBAPIError) -> BlockedError:
    """Which cut, why, and that the ones before it stay."""
    code = sqlstate(error)
    diagnosis = getattr(error.orig, "diag", None)
    says = getattr(diagnosis, "message_primary", None) or reason_given(error)
    hint = getattr(diagnosis, "message_hint", None) if code in {REFUSED, MISMATCH, "55P03"} else None
    return BlockedError(
        f"cut {done.cuts + 1} of {done.of} ({plan.table}, {cut.begins} to {cut.ends}) was not made: "
        f"{without_passwords(says)}; the {done.cuts} before it stay",
        mend=hint or _MENDS.get(code, "see the server's log, and run it again: it goes on with what is left"),
    )
