"""The report for people: a block a table. What deserves attention comes below, as in every command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tsmigrate.advise.judge.words import bytes_, number
from tsmigrate.advise.names import shown
from tsmigrate.capability import described
from tsmigrate.finding import counted_word
from tsmigrate.policies.state import Kind
from tsmigrate.status.facts import Aggregate, Dimension, How, Hypertable, Policy
from tsmigrate.status.report.report import Report
from tsmigrate.status.words import position, span, when

Line = tuple[str, str]
_WORDS = {
    "drop_after": "rows go after",
    "drop_created_before": "chunks go after",
    "compress_after": "after",
    "compress_created_before": "after",
    "start_offset": "from",
    "end_offset": "to",
}


def text(report: Report) -> RenderableType:
    return Group(head(report), blocks(report))


def blocks(report: Report) -> RenderableType:
    facts = report.facts
    parts: list[RenderableType] = [
        _block(shown(each.relation), "hypertable", _hypertable(report, each)) for each in facts.hypertables.values()
    ]
    parts += [_block(shown(each.relation), _kind(each), _aggregate(report, each)) for each in facts.aggregates.values()]
    if facts.others:
        parts.append(_block("other jobs", "", ((each.kind, _run(report, each)) for each in facts.others)))
    return Group(*parts)


def head(report: Report) -> Text:
    facts = report.facts
    told = Text(f"{report.database}: {described(facts.server)}\n")
    counts = [
        counted_word(len(facts.hypertables), "hypertable"),
        counted_word(len(facts.aggregates), "continuous aggregate"),
        f"{report.counted(How.EMULATED)} emulated" if report.counted(How.EMULATED) else "",
        f"{report.counted(How.DEFERRED)} deferred" if report.counted(How.DEFERRED) else "",
        counted_word(report.warnings, "warning"),
    ]
    told.append(", ".join(each for each in counts if each), style="bold")
    drift = facts.drift
    if drift is not None and drift.is_current and drift.applied:
        told.append(f"\nat the newest revision of {drift.files}: {', '.join(drift.applied)}")
    return told


def _block(name: str, kind: str, lines: Iterable[Line]) -> RenderableType:
    title = Text(f"\n{name}", style="bold")
    if kind:
        title.append(f"  {kind}", style="not bold dim")
    grid = Table.grid(padding=(0, 1))
    grid.add_column(min_width=13, overflow="fold")
    grid.add_column(overflow="fold")
    for head, said in lines:
        grid.add_row(Text(f"  {head}", style="cyan"), Text(said))
    return Group(title, grid)


def _kind(aggregate: Aggregate) -> str:
    return "continuous aggregate" + ("" if aggregate.how is How.NATIVE else ", emulated")


def _hypertable(report: Report, hypertable: Hypertable) -> Iterator[Line]:
    yield "column", "; ".join(_dimension(each) for each in hypertable.dimensions)
    yield "chunks", _chunks(hypertable)
    if hypertable.chunks:
        yield from _contents(hypertable)
    policies = report.facts.policies_of(hypertable.relation)
    told_by_policy = any(policy.kind == Kind.COLUMNSTORE_POLICY for policy in policies)
    for policy in policies:
        if policy.kind == Kind.COLUMNSTORE and told_by_policy:
            continue
        yield _policy(report, policy)
        if (told := _next(report, hypertable, policy)) is not None:
            yield "", told


def _contents(hypertable: Hypertable) -> Iterator[Line]:
    size, locked = hypertable.size, sum(chunk.size is None for chunk in hypertable.chunks)
    parts = f"table {bytes_(size.table)}, indexes {bytes_(size.indexes)}, TOAST {bytes_(size.toast)}"
    unknown = f"; without {counted_word(locked, 'chunk')} that somebody has locked" if locked else ""
    yield "size", f"{bytes_(size.total)}: {parts}{unknown}"
    yield "rows", _rows(hypertable)
    if hypertable.bounds:
        begin, end = (position(each, by_number=hypertable.by_number) for each in hypertable.bounds)
        yield "values" if hypertable.by_number else "time", f"{begin} to {end}, by its chunks"


def _dimension(dimension: Dimension) -> str:
    if dimension.partitions is not None:
        return f"{dimension.column} by hash into {dimension.partitions}"
    interval = f", {dimension.interval.text} a chunk" if dimension.interval else ""
    return f"{dimension.column} ({dimension.type}){interval}"


def _chunks(hypertable: Hypertable) -> str:
    if not hypertable.chunks:
        return "none yet"
    told = f"{len(hypertable.chunks):,}"
    if not hypertable.compressed:
        return f"{told}, none compressed" if hypertable.has_columnstore else told
    ratio = hypertable.compression.ratio if hypertable.compression else None
    return f"{told}, {hypertable.compressed:,} of them compressed" + (f", {ratio:.1f} to 1" if ratio else "")


def _rows(hypertable: Hypertable) -> str:
    if hypertable.rows is None:
        return "not known: never analyzed"
    missing = f"; {counted_word(hypertable.not_analyzed, 'chunk')} never analyzed" if hypertable.not_analyzed else ""
    return f"about {number(round(hypertable.rows))} (estimated){missing}"


def _aggregate(report: Report, aggregate: Aggregate) -> Iterator[Line]:
    only = "" if aggregate.materialized_only else ", newer rows added as it is read"
    yield "reads", shown(aggregate.source) + only
    yield "filled to", _filled(report, aggregate)
    if aggregate.size is not None:
        yield "size", bytes_(aggregate.size)
    for policy in report.facts.policies_of(aggregate.relation):
        yield _policy(report, policy)


def _filled(report: Report, aggregate: Aggregate) -> str:
    if aggregate.filled_to is None:
        return "not filled yet" if aggregate.how is How.NATIVE else "not known: no policy has refreshed it yet"
    place = position(aggregate.filled_to, by_number=aggregate.by_number)
    lag = report.lag(aggregate)
    if lag is None:
        return place
    return f"{place}, {span(lag)} behind" if lag > 0 else place


def _policy(report: Report, policy: Policy) -> Line:
    spans = " ".join(
        f"{_WORDS[name]} {each.text}{' ago' if name.endswith('_offset') else ''}" for name, each in policy.spans.items()
    )
    if policy.kind == Kind.REFRESH and "start_offset" not in policy.spans:
        spans = f"from the beginning {spans}".rstrip()
    how = "" if policy.how is How.NATIVE else str(policy.how)
    parts = [how, spans, "" if policy.how is How.DEFERRED else _run(report, policy)]
    told = ", ".join(part for part in parts if part)
    return policy.kind.removesuffix(" policy") if policy.kind in tuple(Kind) else policy.kind, told


def _run(report: Report, policy: Policy) -> str:
    now = report.facts.now
    parts = [f"every {policy.every.text}" if policy.every else ""]
    if policy.last_run is None:
        parts.append("never ran")
    else:
        ended = "failed" if policy.is_failing else "ran"
        parts.append(f"{ended} {span(max(now - policy.last_run.timestamp(), 0))} ago")
    if policy.failures:
        parts.append(counted_word(policy.failures, "failure"))
    if not policy.is_scheduled:
        parts.append("paused")
    elif policy.next_run is not None:
        ahead = policy.next_run.timestamp() - now
        parts.append(f"next in {span(ahead)}" if ahead > 0 else "due")
    return ", ".join(part for part in parts if part)


def _next(report: Report, hypertable: Hypertable, policy: Policy) -> str | None:
    found = report.next_of(hypertable, policy)
    if found is None:
        return None
    verb = "drops" if policy.kind == Kind.RETENTION else "compresses"
    begin = position(found.chunk.since, by_number=hypertable.by_number)
    told = f"next it {verb} the chunk from {begin}"
    if policy.how is How.DEFERRED:
        return None
    if found.reached is not None:
        return f"{told}, when its present is past {found.reached:.0f}"
    if found.at is not None:
        return f"{told}: {when(found.at, report.facts.now)}"
    return f"{told}, as soon as it runs" if found.is_due else told
