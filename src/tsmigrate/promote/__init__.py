"""Hand over to the server what was emulated and deferred, once it can do it itself.

Each policy is a transaction of its own: TimescaleDB's own comes, by the very operation that the revision names, and
ours goes. Cut off anywhere, what is handed over is handed over, and the next run goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability
from tsmigrate.connect import reason_given
from tsmigrate.errors import BlockedError, TsmigrateError
from tsmigrate.finding import Finding, Severity
from tsmigrate.plpgsql import as_do
from tsmigrate.policies import runner, state
from tsmigrate.policies.state import Kind, Policy
from tsmigrate.promote import aggregate, by_operation
from tsmigrate.sql import raw
from tsmigrate.url import without_passwords

ORDER = (
    Kind.AGGREGATE,
    Kind.COLUMNSTORE,
    Kind.COLUMNSTORE_POLICY,
    Kind.REORDER_POLICY,
    Kind.REFRESH,
    Kind.RETENTION,
)
"""A refresh is there before retention drops what it has not aggregated."""


@dataclass(frozen=True)
class Promotion:
    policy: Policy
    refused: str = ""
    mend: str = ""

    @property
    def finding(self) -> Finding:
        severity = Severity.BLOCKER if self.refused else Severity.OK
        return Finding(str(self.policy.kind), severity, self.policy.name, self.refused, self.mend)


def waiting(connection: Connection) -> list[Policy]:
    """What there is to hand over, in its order: an aggregate after the one that it reads."""
    found = [policy for policy in state.policies(connection) if policy.relation]
    ordered = [policy for kind in ORDER for policy in found if policy.kind is kind]
    return sorted(ordered, key=lambda policy: (ORDER.index(policy.kind), _depth(policy, found)))


def _depth(policy: Policy, found: Sequence[Policy]) -> int:
    below = [each for each in found if _is_below(each, policy)]
    return 1 + _depth(below[0], found) if below else 0


def _is_below(other: Policy, policy: Policy) -> bool:
    return other.kind is Kind.AGGREGATE and other.relation == policy.source


def promote(connection: Connection, tell: Callable[[str], None], *, dry_run: bool = False) -> Iterator[Promotion]:
    """One by one; with `dry_run` everything but the filling of aggregates is tried in one transaction, rolled back."""
    capability.require(capability.ask(connection), "add_retention_policy")
    if not connection.execute(raw(f"SELECT pg_try_advisory_lock({_LOCK})")).scalar_one():
        raise BlockedError("promote is at it already in this database", mend="run it again when that one is done")
    connection.commit()
    try:
        yield from _one_by_one(connection, tell, _tried if dry_run else _promoted)
        if not dry_run:
            connection.execute(raw(as_do(_LEFT_OVER)))
            connection.commit()
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(raw(f"SELECT pg_advisory_unlock({_LOCK})"))
            connection.commit()


_LOCK = "hashtextextended('tsmigrate promote'::text, 0::bigint)"


_Step = Callable[[Connection, Policy, Callable[[str], None]], None]


def _one_by_one(connection: Connection, tell: Callable[[str], None], step: _Step) -> Iterator[Promotion]:
    done: set[tuple[str, Kind]] = set()
    while True:
        there = waiting(connection)  # read anew each time: what is on an aggregate is on another one now
        policy = next((each for each in there if (each.name, each.kind) not in done), None)
        if policy is None:
            return
        done.add((policy.name, policy.kind))
        tell(policy.told)
        if policy.kind is Kind.AGGREGATE and any(_is_below(each, policy) for each in there):
            yield Promotion(policy, f"it reads {policy.source}, which is emulated still", "promote that one first")
            continue
        try:
            step(connection, policy, tell)
        except DBAPIError as error:
            if connection.invalidated:
                raise _lost(policy, error) from error
            hint = getattr(getattr(error.orig, "diag", None), "message_hint", None)
            refused = without_passwords(str(error.orig).split("CONTEXT:")[0].split("HINT:")[0].strip())
            yield Promotion(policy, refused, hint or "")
        except TsmigrateError as error:
            yield Promotion(policy, error.message, error.mend)
        else:
            yield Promotion(policy)


def _lost(policy: Policy, error: DBAPIError) -> BlockedError:
    return BlockedError(
        f"the connection was lost at the {policy.told}: {reason_given(error)}",
        mend="run promote again when the server is back: it goes on with the rest",
    )


def _promoted(connection: Connection, policy: Policy, tell: Callable[[str], None]) -> None:
    connection.rollback()
    try:
        with runner.alone(connection, policy) as alone:
            if not alone:
                raise BlockedError("a runner is at it", mend="run promote again when it is done")
            if policy.kind is Kind.AGGREGATE:
                aggregate.promote(connection, policy, tell)
            else:
                by_operation.hand_over(connection, policy)
                connection.commit()
    except BaseException:
        if not connection.invalidated:
            connection.rollback()
        raise


def _tried(connection: Connection, policy: Policy, _tell: Callable[[str], None]) -> None:
    with connection.begin_nested():
        if policy.kind is Kind.AGGREGATE:
            aggregate.tried(connection, policy)
        else:
            by_operation.hand_over(connection, policy)


# What other revisions have left of the same things is read by TimescaleDB's own operations from now on. An aggregate
# that was dropped while it was emulated can only come back as it was.
_LEFT_OVER = """\
BEGIN
  IF to_regclass('tsmigrate.policy') IS NULL AND to_regclass('tsmigrate.undo') IS NOT NULL THEN
    UPDATE tsmigrate.undo
       SET definition = CASE WHEN definition ? 'before' THEN (definition -> 'before') - 'declared'
                             ELSE definition - 'emulated' END
     WHERE definition ? 'emulated' AND operation <> 'drop_continuous_aggregate';
  END IF;
END"""
