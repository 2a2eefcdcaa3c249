"""Retention against refresh: whether aggregates have the rows before they go, and keep what they have."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.advise.names import shown
from tsmigrate.finding import Finding, Severity
from tsmigrate.policies.state import Kind
from tsmigrate.status.facts import Aggregate, Facts, How, Policy

CHECK = "retention"


def against_refresh(facts: Facts) -> Iterator[Finding]:
    for aggregate in facts.aggregates.values():
        retention = facts.policy(aggregate.source, Kind.RETENTION)
        if retention is None or "drop_after" not in retention.spans:
            continue
        refresh = facts.policy(aggregate.relation, Kind.REFRESH)
        found = _without(aggregate, retention) if refresh is None else _between(facts, aggregate, retention, refresh)
        if found:
            yield found


def _without(aggregate: Aggregate, retention: Policy) -> Finding:
    return Finding(
        CHECK,
        Severity.WARNING,
        f"{shown(aggregate.source)} drops rows after {retention.spans['drop_after'].text}, and no policy refreshes "
        f"{shown(aggregate.relation)}",
        why="rows go whether or not the aggregate has them",
        mend="op.add_refresh_policy",
    )


def _between(facts: Facts, aggregate: Aggregate, retention: Policy, refresh: Policy) -> Finding | None:
    age = retention.spans["drop_after"]
    start, end = refresh.spans.get("start_offset"), refresh.spans.get("end_offset")
    drops = f"{shown(aggregate.source)} drops rows after {age.text}"
    name = shown(aggregate.relation)
    if age.amount is None:
        return None
    if end and end.amount is not None and end.amount >= age.amount:
        return Finding(
            CHECK,
            Severity.WARNING,
            f"{drops}, and {name} is refreshed up to {end.text} ago only",
            why="rows are dropped before the window comes to them",
            mend="refresh with a shorter end_offset, or keep the rows longer",
        )
    # An emulated aggregate keeps the buckets whose rows are gone.
    if refresh.how is How.NATIVE and (start is None or (start.amount is not None and start.amount >= age.amount)):
        return Finding(
            CHECK,
            Severity.WARNING,
            f"{drops}, and {name} is refreshed from {start.text + ' ago' if start else 'the beginning'} on",
            why="such a refresh deletes the buckets whose rows were dropped",
            mend="refresh with a start_offset shorter than drop_after: op.remove_refresh_policy, then "
            "op.add_refresh_policy",
        )
    lowest = facts.now - age.amount
    if not aggregate.by_number and aggregate.filled_to is not None and aggregate.filled_to < lowest:
        bounds = facts.hypertables[aggregate.source].bounds if aggregate.source in facts.hypertables else None
        if bounds and bounds[1] > aggregate.filled_to:
            return Finding(
                CHECK,
                Severity.WARNING,
                f"{drops}, and {name} is not filled up to there yet",
                why="rows are dropped that it does not have; its refresh fails, rests or is too slow",
                mend="see when it was refreshed last, and pause the retention until it has come so far",
            )
    return None
