"""A plan as headed lines: the same words in the text and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsmigrate.advise.advice import Advice, Plan
from tsmigrate.advise.judge.columnstore import Columnstore
from tsmigrate.advise.judge.words import bytes_, date, days, number, percent
from tsmigrate.advise.names import shown
from tsmigrate.advise.saving import Saving


@dataclass(frozen=True)
class Section:
    head: str
    lines: tuple[str, ...]


def facts(advice: Advice) -> str:
    """Size, rows and growth, in a line."""
    table, grown = advice.table, advice.growth
    rows = table.known_rows
    told = f"{bytes_(table.size)}, {'never analyzed' if rows is None else f'about {number(rows)} rows'}"
    if grown:
        told += f", {date(grown.oldest)} to {date(grown.newest)}"
        told += f", idle for {days(grown.idle_days)}" if grown.idle else f", {number(grown.rows_a_day)} rows a day"
    return told


def sections(advice: Advice, saving: Saving | None = None) -> list[Section]:
    return [section for section in _sections(advice, saving) if section.lines]


def _sections(advice: Advice, saving: Saving | None) -> Iterator[Section]:
    yield Section("why", tuple(reason.text for reason in advice.verdict.reasons))
    yield Section("writes", _writes(advice))
    yield Section("time columns", tuple(_columns(advice)))
    if advice.plan is not None:
        yield from _plan(advice.plan)
    if saving is not None:
        yield Section("estimated saving", _saving(advice, saving))


def _writes(advice: Advice) -> tuple[str, ...]:
    writes = advice.table.writes
    if not writes.inserted + writes.updated + writes.deleted:
        return ()
    told = f"{number(writes.inserted)} inserts, {number(writes.updated)} updates, {number(writes.deleted)} deletes"
    return (f"{told} since the counters were reset",)


def _columns(advice: Advice) -> Iterator[str]:
    for place, each in enumerate(advice.columns, start=1):
        reasons = "; ".join(reason.text for reason in each.reasons)
        unfit = f"cannot be it: {each.unfit}. " if each.unfit else ""
        yield f"{place}. {each.name} ({each.column.type}): {unfit}{reasons}"


def _plan(plan: Plan) -> Iterator[Section]:
    origin = f", a copy of its parent's: {plan.comes_from}" if plan.comes_from else ""
    yield Section("partition column", (f"{plan.column}{origin}",))
    yield Section("interval", (plan.interval.text, *(reason.text for reason in plan.interval.reasons)))
    if plan.chunks:
        each = f"{number(plan.chunks.rows_each)} rows and {bytes_(plan.chunks.bytes_each)} each at today's growth"
        yield Section("chunks", (plan.chunks.told, each))
    yield Section("key", tuple(reason.text for reason in plan.keys))
    yield Section(
        "foreign keys",
        tuple(f"{fate.name} of {shown(fate.child)}: {fate.choice}; {fate.text}" for fate in plan.foreign_keys),
    )
    yield Section("children", tuple(f"{shown(child.relation)} {child.text}" for child in plan.children))
    yield Section("columnstore", _columnstore(plan.columnstore))
    yield Section("retention", (plan.retention,))
    yield Section("caches", tuple(f"{shown(cache.relation)}: {cache.text}" for cache in plan.caches))
    yield Section("redundant indexes", tuple(f"{each.name}: {each.text}" for each in plan.redundant))
    yield Section("method", (plan.method.name, *(reason.text for reason in plan.method.reasons)))


def _saving(advice: Advice, saving: Saving) -> tuple[str, ...]:
    size = advice.table.size
    head = (
        f"about {percent(saving.share)}, {bytes_(size * saving.share)} of today's {bytes_(size)}: a sample of "
        f"{number(saving.rows)} rows took {bytes_(saving.plain)} with its indexes and "
        f"{bytes_(saving.compressed)} in the columnstore, {saving.ratio:.1f} to 1"
    )
    how = f"the rows follow each other, {saving.found_by}, as those of a chunk do"
    return (head, how)


def _columnstore(store: Columnstore) -> tuple[str, ...]:
    if store.refused:
        return (store.refused,)
    segment = f"segmentby {', '.join(store.segmentby)}; " if store.segmentby else ""
    head = f"{segment}orderby {', '.join(store.orderby)}; after {store.after} (Community edition)"
    return (head, *(reason.text for reason in store.reasons))
