"""Refusing with all reasons at once, and the reasons that several operations share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsmigrate.ops.facts import policy
from tsmigrate.plpgsql import REFUSED, assemble
from tsmigrate.sql import literal


@dataclass(frozen=True)
class Reason:
    """Why an operation is not begun."""

    when: str  # an SQL condition
    told: str  # an SQL expression, usually format(…)
    mend: str  # plain text
    mend_with: str = ""  # SQL expressions, where `mend` has places for them, as format() takes them
    among: str = ""  # what FROM takes, where the reason is told for every row of it for which the condition holds

    def query(self, place: int) -> str:
        mend = f"format({literal(self.mend)}, {self.mend_with})" if self.mend_with else literal(self.mend)
        among = f"\n  FROM {self.among}" if self.among else ""
        return f"SELECT {place}, {self.told}, {mend}{among}\n WHERE {self.when}"


def refuse_all(what: str, reasons: Sequence[Reason]) -> str:
    """End the block with all of the reasons that hold, if any does. `what` is plain text."""
    return assemble(
        """
        DECLARE
          against record;
        BEGIN
          SELECT string_agg(E'\\n- ' || reason, '' ORDER BY place, reason) AS reasons,
                 string_agg(DISTINCT mend, E'\\n') AS mends
            INTO against
            FROM (
              {{query}}
            ) AS found (place, reason, mend);
          IF against.reasons IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = {{refused}}, MESSAGE = {{what}} || against.reasons, HINT = against.mends;
          END IF;
        END;
        """,
        query="\nUNION ALL\n".join(reason.query(place) for place, reason in enumerate(reasons)),
        refused=literal(REFUSED),
        what=literal(f"{what} is refused:"),
    )


NOT_ITS_OWNER = Reason(
    when="NOT facts.owned",
    told="format('%I may not change it', current_user)",
    mend="run the migration as the owner, or as a member of that role",
)

OWNER_CANNOT_LOG_IN = Reason(
    when="NOT facts.owner_logs_in",
    told="format('its owner %s may not log in, and its jobs run as the owner', facts.owner)",
    mend="ALTER ROLE %s LOGIN, or give it to a role that may log in",
    mend_with="facts.owner",
)

INTEGER_NOW_MISSING = Reason(
    when="facts.by_number AND NOT facts.is_aggregate AND facts.integer_now IS NULL",
    told="format('its partition column %I is a number, and nothing says which number is now', facts.partition_column)",
    mend="name a function that does: op.create_hypertable(integer_now=…), or SELECT set_integer_now_func(…)",
)

NO_COLUMNSTORE = Reason(
    when="NOT facts.columnstore",
    told="'its columnstore is not enabled'",
    mend="enable it first: op.set_columnstore",
)


def has_policy(kind: str, name: str, *, particulars: str, removal: str) -> Reason:
    """There is such a policy. `particulars` is an expression on timescaledb_information.jobs, `removal` plain SQL."""
    return Reason(
        among="timescaledb_information.jobs",
        when=policy(name),
        told=f"'it has a {kind} policy already, ' || {particulars}",
        mend=f"take that one away first: op.remove_{kind}_policy in the revision that added it, or {removal}",
    )


def no_room_for_locks(needed: str, doing: str) -> Reason:
    """The server's lock table does not hold what one transaction needs. `needed` is a query for that number."""
    return Reason(
        when=f"({needed}) > {_LOCK_TABLE}",
        told=f"format('{doing} needs %s locks in one transaction, and the server''s lock table has room for %s', "
        f"({needed}), {_LOCK_TABLE})",
        mend="set max_locks_per_transaction to the first number divided by max_connections plus "
        "max_prepared_transactions, or more, and restart the server",
    )


_LOCK_TABLE = (
    "current_setting('max_locks_per_transaction')::int "
    "* (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)"
)
