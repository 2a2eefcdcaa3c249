"""The report as JSON. Times are ISO 8601; moments that a calendar does not know, and numbers, are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from tsmigrate.capability import described
from tsmigrate.catalog.relation import Relation
from tsmigrate.finding import report as document
from tsmigrate.status.due import Next
from tsmigrate.status.facts import Aggregate, How, Hypertable, Policy, Size
from tsmigrate.status.report.report import Report


def as_json(report: Report) -> dict[str, Any]:
    facts = report.facts
    summary = {
        "database": report.database,
        "server": described(facts.server),
        "now": _moment(facts.now),
        "hypertables": len(facts.hypertables),
        "aggregates": len(facts.aggregates),
        "chunks": sum(len(each.chunks) for each in (*facts.hypertables.values(), *facts.held.values())),
        "policies": len(facts.policies),
        "emulated": report.counted(How.EMULATED),
        "deferred": report.counted(How.DEFERRED),
        "warnings": report.warnings,
        "background_workers": facts.workers,
        "revisions": _drift(report),
    }
    return {
        **document("status", report.findings, summary),
        "hypertables": [_hypertable(report, each) for each in facts.hypertables.values()],
        "aggregates": [_aggregate(report, each) for each in facts.aggregates.values()],
        "other_jobs": [_policy(policy, None) for policy in facts.others],
    }


def _drift(report: Report) -> Mapping[str, Any] | None:
    drift = report.facts.drift
    if drift is None:
        return None
    return {
        "applied": list(drift.applied),
        "heads": list(drift.heads),
        "pending": list(drift.pending),
        "unknown": list(drift.unknown),
    }


def _hypertable(report: Report, hypertable: Hypertable) -> dict[str, Any]:
    bounds = hypertable.bounds
    ratio = hypertable.compression.ratio if hypertable.compression else None
    return {
        **_named(hypertable.relation),
        "dimensions": [
            {
                "column": each.column,
                "type": each.type,
                "interval": each.interval.text if each.interval else None,
                "partitions": each.partitions,
            }
            for each in hypertable.dimensions
        ],
        "chunks": len(hypertable.chunks),
        "size": _size(hypertable.size),
        "sizes_unknown": sum(chunk.size is None for chunk in hypertable.chunks),
        "rows_estimated": None if hypertable.rows is None else round(hypertable.rows),
        "chunks_not_analyzed": hypertable.not_analyzed,
        "columnstore": hypertable.has_columnstore,
        "compressed_chunks": hypertable.compressed,
        "compression_ratio": None if ratio is None else round(ratio, 2),
        "oldest": None if bounds is None else _place(bounds[0], hypertable.by_number),
        "newest": None if bounds is None else _place(bounds[1], hypertable.by_number),
        "policies": [
            _policy(policy, _next(report.next_of(hypertable, policy), hypertable.by_number))
            for policy in report.facts.policies_of(hypertable.relation)
        ],
    }


def _aggregate(report: Report, aggregate: Aggregate) -> dict[str, Any]:
    lag = report.lag(aggregate)
    return {
        **_named(aggregate.relation),
        "source": _named(aggregate.source),
        "how": str(aggregate.how),
        "materialized_only": aggregate.materialized_only,
        "size_bytes": aggregate.size,
        "filled_to": None if aggregate.filled_to is None else _place(aggregate.filled_to, aggregate.by_number),
        "invalidation_threshold": None
        if aggregate.threshold is None
        else _place(aggregate.threshold, aggregate.by_number),
        "lag_seconds": None if lag is None else round(lag),
        "policies": [_policy(policy, None) for policy in report.facts.policies_of(aggregate.relation)],
    }


def _policy(policy: Policy, next_chunk: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        **(_named(policy.relation) if policy.relation else {"schema": None, "name": None}),
        "kind": policy.kind,
        "how": str(policy.how),
        "job_id": policy.job,
        "schedule_interval": policy.every.text if policy.every else None,
        "config": {name: span.text for name, span in policy.spans.items()},
        "scheduled": policy.is_scheduled,
        "last_run": _iso(policy.last_run),
        "last_success": _iso(policy.last_success),
        "next_run": _iso(policy.next_run),
        "failing": policy.is_failing,
        "failures": policy.failures,
        "last_error": policy.error,
        "next_chunk": next_chunk,
    }


def _next(found: Next | None, by_number: bool) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "from": _place(found.chunk.since, by_number),
        "to": _place(found.chunk.until, by_number),
        "due": found.is_due,
        "at": None if found.at is None else _moment(found.at),
        "when_present_is": found.reached,
    }


def _named(relation: Relation) -> dict[str, Any]:
    return {"schema": relation.schema, "name": relation.name}


def _size(size: Size) -> dict[str, int]:
    return {f"{part}_bytes": number for part, number in {**asdict(size), "total": size.total}.items()}


def _place(value: float, by_number: bool) -> str | float:
    return value if by_number else _moment(value)


def _moment(seconds: float) -> str | float:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return seconds


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
