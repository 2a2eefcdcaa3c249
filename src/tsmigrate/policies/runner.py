"""Run what is due, each policy in a session that no second runner joins, and write down how it went.

A policy's work and the note that it is done are one transaction: cut off anywhere, it is due as before, and what it had
not committed is gone. A lock of the session keeps a second runner away until the first is done or lost; the row is
looked at again under that lock, so that nothing is done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.plpgsql import as_do
from tsmigrate.policies import runs, state
from tsmigrate.policies.refresh import refresh, refresh_by_policy
from tsmigrate.policies.retention import drop
from tsmigrate.policies.state import RUNS_KEPT, Kind, Policy
from tsmigrate.sql import literal, raw


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    """We were told to end. It is due as before."""
    BUSY = "busy"
    """Another runner is at it."""
    NOT_DUE = "not due"
    """Another runner has just done it."""


@dataclass(frozen=True)
class Result:
    policy: Policy
    outcome: Outcome
    started: datetime
    seconds: float
    details: dict[str, Any]
    error: str = ""
    next_run: datetime | None = None

    @property
    def is_failure(self) -> bool:
        return self.outcome in {Outcome.FAILED, Outcome.TIMED_OUT}


def named(connection: Connection, name: str, kind: Kind | None = None) -> list[Policy]:
    """The policies on the table or the aggregate of that name, which may leave out its schema."""
    found = state.policies(connection)
    those = [
        policy
        for policy in found
        if policy.relation
        and name in {str(policy.relation), policy.relation.name, f"{policy.relation.schema}.{policy.relation.name}"}
        and kind in {None, policy.kind}
    ]
    if not those:
        known = ", ".join(sorted({policy.relation.name for policy in found if policy.relation})) or "none"
        raise UsageError(f"no {kind or 'policy'} of {name} is emulated or deferred here", mend=f"name one of: {known}")
    return those


def run_due(connection: Connection, stopping: Callable[[], bool] = lambda: False) -> Iterator[Result]:
    """Each policy that is due, once: refreshes before retention, so that rows are aggregated before they go."""
    due = [policy for policy in state.policies(connection) if policy.due]
    connection.rollback()
    for policy in due:
        if stopping():
            return
        yield run(connection, policy)


def run(connection: Connection, policy: Policy, *, due_only: bool = True) -> Result:
    with alone(connection, policy) as got:
        if not got:
            return _result(connection, policy, Outcome.BUSY)
        return _attempted(connection, policy, due_only=due_only)


def refreshed(connection: Connection, policy: Policy, start: str | None, end: str | None) -> dict[str, Any]:
    """The buckets of an aggregate in that window, now; the policy's own schedule stays as it is."""
    bounds = ("NULL::text" if bound is None else f"{literal(bound)}::text" for bound in (start, end))
    try:
        connection.execute(raw("SET LOCAL search_path = pg_catalog, pg_temp"))
        done = _execute(connection, refresh(f"{policy.oid}::regclass", *bounds))
        connection.commit()
    except DBAPIError as error:
        connection.rollback()
        raise BlockedError(f"{policy.name} was not refreshed: {connect.reason_given(error)}") from error
    return done


def _attempted(connection: Connection, policy: Policy, *, due_only: bool) -> Result:
    begun, started = monotonic(), _now(connection)
    details: dict[str, Any] = {}
    try:
        while True:
            _limit(connection, policy)
            if due_only and not _is_due(connection, policy):
                connection.rollback()
                return _result(connection, policy, Outcome.NOT_DUE)
            details = _together(details, _execute(connection, _work(policy)))
            if not details.pop("is_more", False):
                break
            connection.commit()
        _note(connection, policy, started, Outcome.DONE, details)
        connection.commit()
    except DBAPIError as error:
        connection.rollback()  # fails where the connection is lost, and the policy is due as before
        outcome = _outcome(error)
        if outcome is not Outcome.STOPPED:
            _note(connection, policy, started, outcome, details, connect.reason_given(error))
            connection.commit()
        result = _result(connection, policy, outcome, details)
        return replace(result, started=started, seconds=monotonic() - begun, error=connect.reason_given(error))
    return replace(_result(connection, policy, Outcome.DONE, details), started=started, seconds=monotonic() - begun)


def _work(policy: Policy) -> str:
    relation = f"{policy.oid}::regclass"
    return refresh_by_policy(relation) if policy.kind is Kind.REFRESH else drop(relation)


def _execute(connection: Connection, work: str) -> dict[str, Any]:
    connection.execute(raw(as_do(work)))
    return dict(connection.execute(raw("SELECT current_setting('tsmigrate.done')::jsonb")).scalar_one())


def _together(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Numbers of several transactions are added up."""
    return now | {
        name: before[name] + value
        for name, value in now.items()
        if name in before and isinstance(value, int) and not isinstance(value, bool)
    }


def _outcome(error: DBAPIError) -> Outcome:
    if connect.sqlstate(error) != "57014":
        return Outcome.FAILED
    return Outcome.TIMED_OUT if "statement timeout" in str(error.orig) else Outcome.STOPPED


def _now(connection: Connection) -> datetime:
    moment: datetime = connection.execute(raw("SELECT clock_timestamp()")).scalar_one()
    connection.rollback()
    return moment


def _result(connection: Connection, policy: Policy, outcome: Outcome, details: dict[str, Any] | None = None) -> Result:
    row = connection.execute(
        text(
            "SELECT clock_timestamp(), (SELECT next_run FROM tsmigrate.policy WHERE relation = :oid AND kind = :kind)"
        ),
        _key(policy),
    ).one()
    connection.rollback()
    return Result(policy, outcome, row[0], 0.0, details or {}, next_run=row[1])


def _key(policy: Policy) -> dict[str, Any]:
    return {"oid": policy.oid, "kind": str(policy.kind)}


@contextmanager
def alone(connection: Connection, policy: Policy) -> Iterator[bool]:
    """Whether no other runner is at it; it stays so until the end."""
    got = bool(connection.execute(_LOCK, _key(policy)).scalar_one())
    connection.commit()
    try:
        yield got
    finally:
        if got and not connection.invalidated and not connection.closed:
            connection.rollback()
            connection.execute(_UNLOCK, _key(policy))
            connection.commit()


_OF_POLICY = (":oid", ":kind")
_LOCK = text(f"SELECT pg_try_advisory_lock({runs.lock_key(*_OF_POLICY)})")
_UNLOCK = text(f"SELECT pg_advisory_unlock({runs.lock_key(*_OF_POLICY)})")


def _limit(connection: Connection, policy: Policy) -> None:
    """How long a transaction of it may take. The server looks whether we are still there, and ends it if not.

    Nobody's functions and operators come in between: the search_path is pinned.
    """
    connection.execute(_SETTINGS, {"timeout": policy.timeout, "lock_timeout": runs.LOCK_TIMEOUT})


_SETTINGS = text("""
SELECT set_config('statement_timeout', (extract(epoch FROM CAST(:timeout AS interval)) * 1000)::bigint::text, true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('client_connection_check_interval', '5s', true),
       set_config('search_path', 'pg_catalog, pg_temp', true)
""")


def _is_due(connection: Connection, policy: Policy) -> bool:
    return connection.execute(_LOOK, _key(policy)).first() is not None


_LOOK = text(f"SELECT {runs.look(*_OF_POLICY)}")


def _note(  # noqa: PLR0917 - a row's columns
    connection: Connection,
    policy: Policy,
    started: datetime,
    outcome: Outcome,
    details: dict[str, Any],
    error: str | None = None,
) -> None:
    values = _key(policy) | {"started": started, "outcome": str(outcome), "error": error, "kept": RUNS_KEPT}
    connection.execute(_NOTE_DONE if outcome is Outcome.DONE else _NOTE_FAILURE, values)
    connection.execute(_REMEMBER, values | {"details": json.dumps(details)})
    connection.execute(_FORGET_OLD, values)


_STARTED = "CAST(:started AS timestamptz)"
_NOTE_DONE = text(runs.note_done(*_OF_POLICY, _STARTED))
_NOTE_FAILURE = text(runs.note_failure(*_OF_POLICY, _STARTED, ":error"))
_REMEMBER = text(runs.remember(*_OF_POLICY, _STARTED, ":outcome", "CAST(:details AS jsonb)", ":error"))
_FORGET_OLD = text(runs.forget_old(*_OF_POLICY, ":kept"))


def set_paused(connection: Connection, policies: Sequence[Policy], *, paused: bool) -> None:
    for policy in policies:
        connection.execute(_PAUSE, _key(policy) | {"paused": paused})
    connection.commit()


_PAUSE = text("UPDATE tsmigrate.policy SET paused = :paused WHERE relation = :oid AND kind = :kind")
