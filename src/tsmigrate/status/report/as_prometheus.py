"""The report in Prometheus' text exposition format, version 0.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tsmigrate import __version__
from tsmigrate.catalog.relation import Relation
from tsmigrate.finding import Severity
from tsmigrate.status.facts import How, Hypertable, Policy
from tsmigrate.status.report.report import Report

Sample = tuple[Mapping[str, str], float | None]


@dataclass(frozen=True)
class Metric:
    name: str
    type: str
    help: str
    samples: tuple[Sample, ...]


def prometheus(report: Report) -> str:
    """Metrics without a sample are left out: what is not known is no zero."""
    return "".join(f"{line}\n" for metric in _metrics(report) for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    known = [(labels, value) for labels, value in metric.samples if value is not None]
    if not known:
        return
    yield f"# HELP tsmigrate_{metric.name} {_escaped(metric.help, quotes=False)}"
    yield f"# TYPE tsmigrate_{metric.name} {metric.type}"
    for labels, value in known:
        inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield (
            f"tsmigrate_{metric.name}{{{inside}}} {_number(value)}"
            if inside
            else (f"tsmigrate_{metric.name} {_number(value)}")
        )


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _metrics(report: Report) -> Iterator[Metric]:
    facts = report.facts
    edition = facts.server.timescale.edition
    info = {
        "version": __version__,
        "database": facts.server.database,
        "postgresql": f"{facts.server.postgres.major}.{facts.server.postgres.minor}",
        "timescaledb": str(facts.server.timescale.installed or ""),
        "edition": str(edition or ""),
    }
    yield Metric("info", "gauge", "What was asked, and by which tsmigrate.", ((info, 1),))
    counted = Counter(finding.severity for finding in report.findings)
    by_severity = tuple(
        ({"severity": str(severity)}, float(counted[severity])) for severity in (Severity.WARNING, Severity.NOTE)
    )
    yield Metric("findings", "gauge", "What tsmigrate status found, by severity.", by_severity)
    yield from _revisions(report)
    yield from _hypertables(facts.hypertables.values())
    yield from _aggregates(report)
    yield from _policies(facts.policies)
    yield Metric(
        "deferred",
        "gauge",
        "What waits for a server that can do it.",
        (({}, float(report.counted(How.DEFERRED))),),
    )


def _revisions(report: Report) -> Iterator[Metric]:
    drift = report.facts.drift
    if drift is not None:
        yield _one("revisions_pending", "Revisions of the project that are not applied.", len(drift.pending))
        yield _one("revisions_unknown", "Applied revisions that the project does not have.", len(drift.unknown))


def _one(name: str, told: str, value: float) -> Metric:
    return Metric(name, "gauge", told, (({}, value),))


def _hypertables(hypertables: Iterable[Hypertable]) -> Iterator[Metric]:
    named = [(_labels(each.relation), each) for each in hypertables]
    timed = [(labels, each) for labels, each in named if not each.by_number]

    def metric(name: str, told: str, samples: Iterable[Sample]) -> Metric:
        return Metric(f"hypertable_{name}", "gauge", told, tuple(samples))

    yield metric("chunks", "Chunks.", ((labels, len(each.chunks)) for labels, each in named))
    yield metric(
        "compressed_chunks", "Chunks that are compressed.", ((labels, each.compressed) for labels, each in named)
    )
    yield metric(
        "size_bytes",
        "Size on disk by part, compressed rows included.",
        (
            ({**labels, "part": part}, getattr(each.size, part))
            for labels, each in named
            for part in ("table", "indexes", "toast")
        ),
    )
    yield metric("rows_estimated", "Rows, as statistics have it.", ((labels, each.rows) for labels, each in named))
    yield metric(
        "compression_ratio",
        "Bytes before compression by bytes after it.",
        ((labels, each.compression.ratio if each.compression else None) for labels, each in named),
    )
    for place, name in enumerate(("oldest", "newest")):
        yield metric(
            f"{name}_timestamp_seconds",
            f"Where the {name} chunk {'ends' if place else 'begins'}.",
            ((labels, each.bounds[place] if each.bounds else None) for labels, each in timed),
        )


def _aggregates(report: Report) -> Iterator[Metric]:
    aggregates = report.facts.aggregates.values()
    named = [({**_labels(each.relation), "how": str(each.how)}, each) for each in aggregates]
    yield Metric(
        "aggregate_lag_seconds",
        "gauge",
        "Time since what a continuous aggregate is filled to.",
        tuple((labels, report.lag(each)) for labels, each in named),
    )
    yield Metric(
        "aggregate_size_bytes",
        "gauge",
        "Size on disk of what a continuous aggregate holds.",
        tuple((labels, each.size) for labels, each in named),
    )


def _policies(policies: Iterable[Policy]) -> Iterator[Metric]:
    # Those of tables that are gone have nothing to tell them apart by.
    named = [(_policy_labels(each), each) for each in policies if each.relation or each.how is How.NATIVE]
    for name, told in (
        ("last_run", "When a policy or a job ran last."),
        ("last_success", "When it last went well."),
        ("next_run", "When it runs next."),
    ):
        samples = tuple((labels, _seconds(getattr(policy, name))) for labels, policy in named)
        yield Metric(f"policy_{name}_timestamp_seconds", "gauge", told, samples)
    yield Metric(
        "policy_failing",
        "gauge",
        "Whether the last run failed.",
        tuple((labels, float(policy.is_failing)) for labels, policy in named),
    )
    yield Metric(
        "policy_scheduled",
        "gauge",
        "Whether it runs by itself; 0: it is paused.",
        tuple((labels, float(policy.is_scheduled)) for labels, policy in named if policy.how is not How.DEFERRED),
    )
    yield Metric(
        "policy_failures_total",
        "counter",
        "Runs of TimescaleDB's jobs that failed.",
        tuple((labels, policy.failures) for labels, policy in named if policy.how is How.NATIVE),
    )


def _labels(relation: Relation) -> dict[str, str]:
    return {"schema": relation.schema, "table": relation.name}


def _policy_labels(policy: Policy) -> dict[str, str]:
    labels = _labels(policy.relation) if policy.relation else {"schema": "", "table": ""}
    job = "" if policy.job is None else str(policy.job)
    return {**labels, "kind": policy.kind, "how": str(policy.how), "job": job}


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
