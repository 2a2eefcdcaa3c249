"""The plan as a file to be edited: what was decided as values, and why as comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.evidence import TICKS
from tsmigrate.advise.judge.caches import Cache
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.relatives import Fate as Judged
from tsmigrate.advise.judge.verdict import Choice
from tsmigrate.advise.judge.words import DAY
from tsmigrate.advise.names import shown, shown_name
from tsmigrate.advise.plan import toml
from tsmigrate.advise.plan.plan import ForeignKeyPlan, Method, Plan, TablePlan
from tsmigrate.advise.report.sections import facts
from tsmigrate.catalog.relation import Relation

VERSION = 1
_HEAD = (
    "Which tables become hypertables, and how: as tsmigrate analyze advises it for {database}. Edit it, then write the "
    "revisions with tsmigrate generate --plan. What every key means stands in docs/generating.md."
)
_CONSIDERED = "Not in this plan, though they may become hypertables (tsmigrate generate TABLE --time COLUMN):"


def written(plan: Plan, advices: Sequence[Advice], database: str) -> str:
    by_relation = {each.table.relation: each for each in advices}
    return "\n".join(_lines(plan, by_relation, database, _Once())) + "\n"


class _Once:
    """What holds for many tables is said of the first."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def said(self, reasons: Iterable[Reason]) -> Iterator[str]:
        for reason in reasons:
            if reason.text not in self._said:
                self._said.add(reason.text)
                yield from toml.comment(reason.text)


def _lines(plan: Plan, advices: Mapping[Relation, Advice], database: str, once: _Once) -> Iterator[str]:
    yield from toml.comment(_HEAD.format(database=database))
    yield toml.line("version", VERSION)
    if not plan.tables:
        yield ""
        yield from toml.comment("There is no table to convert.")
    for table in plan.tables:
        yield ""
        yield from _table(table, advices[table.relation], once)
    for key in plan.foreign_keys:
        yield ""
        yield from _foreign_key(key, _judged(key, advices))
    for each in advices.values():
        for cache in each.plan.caches if each.plan else ():
            yield ""
            yield from _aggregate(cache, each)
    yield from _considered(advices.values())


def _table(table: TablePlan, advice: Advice, once: _Once) -> Iterator[str]:
    plan = advice.plan
    assert plan is not None  # noqa: S101 - the draft has it from there
    yield from toml.comment(f"{shown(table.relation)}: {facts(advice)}")
    for reason in advice.verdict.reasons:
        yield from toml.comment(f"- {reason.text}")
    yield "[[table]]"
    yield toml.line("schema", table.relation.schema)
    yield toml.line("name", table.relation.name)
    yield from toml.comment(_why_column(table, advice))
    yield toml.line("column", table.column)
    if table.unit:
        yield toml.line("unit", table.unit)
    if table.copied:
        yield toml.line("copied_from", _copied(table))
    yield from once.said(plan.interval.reasons)
    if plan.chunks:
        yield from toml.comment(plan.chunks.told)
    yield toml.line("interval", table.interval)
    yield from once.said(plan.method.reasons)
    yield f"{toml.line('method', table.method)}  # or {_other(table.method)}"
    yield from _keys(table, advice)
    if table.columnstore:
        yield from once.said(plan.columnstore.reasons)
        store = table.columnstore
        values = {"segmentby": store.segmentby, "orderby": store.orderby, "after": store.after}
        yield f"{toml.line('columnstore', values)}  # Community edition"
    elif plan.columnstore.refused:
        yield from toml.comment(plan.columnstore.refused)
    yield from toml.comment(plan.retention)
    example: str | int = 90 * DAY * TICKS[table.unit] if table.unit else "3 months"
    yield from toml.commented_out([toml.line("retention", example)])


def _keys(table: TablePlan, advice: Advice) -> Iterator[str]:
    plan = advice.plan
    assert plan is not None  # noqa: S101 - as above
    for reason in plan.keys:
        yield from toml.comment(reason.text)
    if table.primary_key:
        yield toml.line("primary_key", table.primary_key)
    if table.unique:
        yield f"{toml.line('unique', table.unique)}  # widen or drop"
    for index in plan.redundant:
        yield from toml.comment(f"{index.name}: {index.text}")
    if table.drop_indexes:
        yield toml.line("drop_indexes", table.drop_indexes)
    for child in plan.children:
        yield from toml.comment(f"{shown(child.relation)} {child.text}")


def _why_column(table: TablePlan, advice: Advice) -> str:
    if table.copied:
        return f"a copy of the {table.copied.column} of {shown(table.copied.parent)}, which a new row gets by a trigger"
    for each in advice.columns:
        if each.name == table.column:
            others = [other.name for other in advice.columns if other is not each and not other.unfit]
            instead = f" (other columns of time: {', '.join(others)})" if others else ""
            return f"{each.name} ({each.column.type}): {'; '.join(reason.text for reason in each.reasons)}{instead}"
    return f"{table.column} was asked for"


def _copied(table: TablePlan) -> dict[str, object]:
    copied = table.copied
    assert copied is not None  # noqa: S101 - it was asked
    return {
        "schema": copied.parent.schema,
        "table": copied.parent.name,
        "column": copied.column,
        "references": copied.references,
        **({"orphans": copied.orphans} if copied.orphans else {}),
    }


def _other(method: Method) -> str:
    return next(each for each in Method if each is not method).value


def _judged(key: ForeignKeyPlan, advices: Mapping[Relation, Advice]) -> Judged:
    return next(
        fate
        for advice in advices.values()
        for fate in (advice.plan.foreign_keys if advice.plan else ())
        if (fate.child, fate.name) == (key.table, key.name)
    )


def _foreign_key(key: ForeignKeyPlan, judged: Judged) -> Iterator[str]:
    yield from toml.comment(f"to {shown(judged.parent)}: {judged.text}")
    yield "[[foreign_key]]"
    yield toml.line("name", key.name)
    yield toml.line("schema", key.table.schema)
    yield toml.line("table", key.table.name)
    yield f"{toml.line('fate', key.fate)}  # keep, widen or drop"
    if key.column:
        yield from toml.comment("its table gets this column, a copy of the parent's time")
        yield toml.line("column", key.column)


def _aggregate(cache: Cache, advice: Advice) -> Iterator[str]:
    """Only a question: no statistics say that the totals are those of a continuous aggregate."""
    table, plan = advice.table.relation, advice.plan
    assert plan is not None  # noqa: S101 - it has caches
    a_tick = TICKS.get(plan.interval.unit, 0)
    day = str(DAY * a_tick) if a_tick else "'1 day'"
    query = f"SELECT time_bucket({day}, {shown_name(plan.column)}) AS day, count(*) FROM {shown(table)} GROUP BY 1"
    start, end = (3 * DAY * a_tick, 3600 * a_tick) if a_tick else ("3 days", "1 hour")
    yield from toml.comment(f"{shown(cache.relation)}: {cache.text}. If so:")
    yield from toml.commented_out(
        [
            "[[aggregate]]",
            toml.line("schema", cache.relation.schema),
            toml.line("name", "totals_by_day"),
            toml.line("query", query),
            toml.line("refresh", {"start": start, "end": end, "every": "15 minutes"}),
        ]
    )


def _considered(advices: Iterable[Advice]) -> Iterator[str]:
    found = [each for each in advices if each.verdict.choice is Choice.CONSIDER]
    if found:
        yield ""
        yield from toml.comment(_CONSIDERED)
        for each in found:
            told = "; ".join(reason.text for reason in each.verdict.reasons)
            yield from toml.comment(f"- {shown(each.table.relation)}: {told}")
