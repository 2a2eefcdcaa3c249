"""What every runner does alike, in SQL: the lock of a policy, whether it is due, and the note of how a run of it went.

The arguments are SQL expressions: names of bound parameters for `runner`, variables of PL/pgSQL for `in_server`.
"""

from __future__ import annotations

from tsmigrate.policies.state import DUE

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30, 3600
"""After a failure; each further one in a row doubles the pause, which is never longer than the policy's own."""

LOCK_TIMEOUT = "10s"


def lock_key(oid: str, kind: str) -> str:
    """Of the advisory lock that a runner holds while it is at a policy."""
    return f"hashtextextended(format('tsmigrate policy %s %s', {oid}, {kind}), 0)"


def look(relation: str, kind: str) -> str:
    """Whether it is still due; nobody else looks, pauses it or takes it away until the transaction ends."""
    return f"FROM tsmigrate.policy p WHERE relation = {relation} AND kind = {kind} AND {DUE} FOR UPDATE"


def note_done(relation: str, kind: str, started: str) -> str:
    return f"""\
UPDATE tsmigrate.policy
SET last_run = {started}, last_success = {started}, last_error = NULL, failures = 0,
    next_run = {started} + schedule_interval
WHERE relation = {relation} AND kind = {kind}"""


def note_failure(relation: str, kind: str, started: str, error: str) -> str:
    return f"""\
UPDATE tsmigrate.policy
SET last_run = {started}, last_error = {error}, failures = failures + 1,
    next_run = clock_timestamp() + least(
      make_interval(secs => least({FIRST_PAUSE_SECONDS} * power(2, least(failures, 20)), {LONGEST_PAUSE_SECONDS})),
      schedule_interval)
WHERE relation = {relation} AND kind = {kind}"""


def remember(relation: str, kind: str, started: str, outcome: str, details: str, error: str) -> str:  # noqa: PLR0917
    return f"""\
INSERT INTO tsmigrate.policy_run (relation, kind, started, finished, outcome, details, error)
VALUES ({relation}, {kind}, {started}, clock_timestamp(), {outcome}, {details}, {error})"""


def forget_old(relation: str, kind: str, kept: str) -> str:
    return f"""\
DELETE FROM tsmigrate.policy_run WHERE relation = {relation} AND kind = {kind} AND started <= (
  SELECT started FROM tsmigrate.policy_run WHERE relation = {relation} AND kind = {kind}
  ORDER BY started DESC OFFSET {kept} LIMIT 1)"""
