"""Which chunk a policy drops or compresses next, and when."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tsmigrate.policies.state import Kind
from tsmigrate.status.facts import Chunk, How, Hypertable, Policy

_SPANS = {
    Kind.RETENTION: ("drop_after", "drop_created_before"),
    Kind.COLUMNSTORE_POLICY: ("compress_after", "compress_created_before"),
}


@dataclass(frozen=True)
class Next:
    chunk: Chunk
    is_due: bool  # at the next run, whenever that is
    at: float | None  # the moment of that run, as far as it is known
    reached: float | None  # of a partition column that is a number: due when the table's present is this


def next_chunk(hypertable: Hypertable, policy: Policy, now: float) -> Next | None:
    """None: there is no such chunk, or the policy drops and compresses none."""
    if policy.kind not in tuple(_SPANS):
        return None
    by_end, by_creation = _SPANS[Kind(policy.kind)]
    span = policy.spans.get(by_end) or policy.spans.get(by_creation)
    if span is None or span.amount is None:
        return None
    counts_creation = by_end not in policy.spans
    waiting = [
        (chunk.created if counts_creation else chunk.until, chunk)
        for chunk in hypertable.chunks
        if chunk.is_bounded and not (policy.kind == Kind.COLUMNSTORE_POLICY and chunk.is_compressed)
    ]
    known = [(since, chunk) for since, chunk in waiting if since is not None]
    if not known:
        return None
    since, chunk = min(known, key=lambda pair: pair[0])
    if hypertable.by_number and not counts_creation:
        return Next(chunk, is_due=False, at=None, reached=since + span.amount)
    ripe = since + span.amount
    return Next(chunk, is_due=ripe <= now, at=_run_after(ripe, policy, now), reached=None)


def _run_after(moment: float, policy: Policy, now: float) -> float | None:
    if policy.how is How.DEFERRED or not policy.is_scheduled or policy.next_run is None:
        return None
    run = max(policy.next_run.timestamp(), now)
    if moment <= run or policy.every is None or not policy.every.amount:
        return run if moment <= run else moment
    return run + ceil((moment - run) / policy.every.amount) * policy.every.amount
