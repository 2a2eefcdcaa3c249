"""The judgements put together: for each table a verdict, and a plan for those to convert. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tsmigrate.advise.evidence import Evidence, ForeignKey, Table
from tsmigrate.advise.judge import caches, columnstore, drift, indexes, interval, keys, method, relatives
from tsmigrate.advise.judge.caches import Cache
from tsmigrate.advise.judge.columnstore import Columnstore
from tsmigrate.advise.judge.growth import Growth, growth
from tsmigrate.advise.judge.indexes import Redundant
from tsmigrate.advise.judge.interval import Chunks, Interval
from tsmigrate.advise.judge.method import Method
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.relatives import Child, Fate
from tsmigrate.advise.judge.time_columns import TimeColumn, time_columns
from tsmigrate.advise.judge.verdict import LARGE_BYTES, LARGE_ROWS, Choice, Verdict, verdict
from tsmigrate.advise.judge.words import bytes_, number


@dataclass(frozen=True)
class Plan:
    """How a table would be converted."""

    column: str
    comes_from: str  # the parent's table, where the column is to be copied from it
    copied: ForeignKey | None  # and the key by which
    parent_column: str
    interval: Interval
    chunks: Chunks | None
    keys: tuple[Reason, ...]
    columnstore: Columnstore
    retention: str  # a question
    children: tuple[Child, ...]
    foreign_keys: tuple[Fate, ...]
    redundant: tuple[Redundant, ...]
    caches: tuple[Cache, ...]
    method: Method


@dataclass(frozen=True)
class Advice:
    table: Table
    columns: tuple[TimeColumn, ...]
    growth: Growth | None
    verdict: Verdict
    plan: Plan | None = None
    drift: tuple[Reason, ...] = ()  # of a hypertable, from what would be advised for it now


@dataclass(frozen=True)
class _Judged:
    """A table before all others are known."""

    table: Table
    columns: tuple[TimeColumn, ...]
    column: str | None
    growth: Growth | None
    verdict: Verdict
    parent: Table | None = None
    key: ForeignKey | None = None  # to the parent
    parent_column: str = ""
    added: str = ""  # the operation that gives it the parent's time


def advise(evidence: Evidence, memory: int | None = None) -> list[Advice]:
    """One for each table, in the order of the evidence. `memory`: of the machine, in bytes."""
    judged = {oid: _judged(table, evidence) for oid, table in evidence.tables.items()}
    _share_with_children(judged, evidence)
    return _planned(judged, evidence, memory)


def advise_as_asked(evidence: Evidence, asked: Mapping[int, str], memory: int | None = None) -> list[Advice]:
    """The same for tables, by oid, of which somebody has decided that they are converted, and on which column."""
    return _planned(
        {oid: _asked(evidence.tables[oid], column, evidence) for oid, column in asked.items()}, evidence, memory
    )


def _planned(judged: Mapping[int, _Judged], evidence: Evidence, memory: int | None) -> list[Advice]:
    converted = {oid: each for oid, each in judged.items() if each.verdict.choice is Choice.CONVERT}
    chosen = interval.interval([each.growth for each in converted.values()], evidence, memory)
    return [
        Advice(
            each.table,
            each.columns,
            each.growth,
            each.verdict,
            _plan(each, chosen, evidence, converted),
            drift.drift(each.table, each.columns, evidence, memory),
        )
        for each in judged.values()
    ]


def _judged(table: Table, evidence: Evidence) -> _Judged:
    ranked = time_columns(table, evidence)
    best = ranked[0] if ranked and not ranked[0].unfit else None
    grown = growth(table, best.column, evidence.now) if best else None
    return _Judged(table, ranked, best.name if best else None, grown, verdict(table, best, grown, evidence))


def _asked(table: Table, column: str, evidence: Evidence) -> _Judged:
    found = table.column(column)
    grown = growth(table, found, evidence.now) if found and found.is_time else None
    asked = Verdict(Choice.CONVERT, (Reason("it was asked for"),))
    return _Judged(table, time_columns(table, evidence), column, grown, asked)


def _share_with_children(judged: dict[int, _Judged], evidence: Evidence) -> None:
    """A large table with a row for each of another's goes the other's way, by the other's time."""
    for choice in (Choice.CONVERT, Choice.CONSIDER):
        reached = {oid for oid, each in judged.items() if each.verdict.choice is choice and each.column}
        while reached:
            found = set()
            for parent in reached:
                for key in evidence.keys_to(judged[parent].table):
                    child = judged[key.child]
                    if child.parent is None and _follows(child, evidence, reached) is key:
                        judged[key.child] = _following(child, key, judged[parent])
                        found.add(key.child)
            reached = found


def _follows(child: _Judged, evidence: Evidence, converted: set[int]) -> ForeignKey | None:
    table = child.table
    large = (table.known_rows or 0) >= LARGE_ROWS or table.size >= LARGE_BYTES
    if not large or table.kind != "r" or table.inherits or table.oid in evidence.hypertables:
        return None
    return relatives.parent_of(table, evidence, converted)


def _following(child: _Judged, key: ForeignKey, parent: _Judged) -> _Judged:
    assert parent.column is not None  # noqa: S101 - it is to be converted or considered
    table = child.table
    added = relatives.how_to_share(key, table, parent.table, parent.column)
    choice, name = parent.verdict.choice, parent.table.relation.name
    becomes = "which is to be a hypertable" if choice is Choice.CONVERT else "and if that becomes a hypertable"
    reasons = (
        Reason(f"it holds {number(table.known_rows or 0)} rows in {bytes_(table.size)}", 1),
        Reason(
            f"its key is that of {name}, {becomes}: partitioned by the same time, a join of them stays in a chunk, and "
            "both can be dropped together",
            1,
        ),
    )
    return replace(
        child,
        column=relatives.shared_name(table, parent.table, parent.column),
        growth=_shared_growth(table, parent),
        verdict=Verdict(choice, reasons),
        parent=parent.table,
        key=key,
        parent_column=parent.column,
        added=added,
    )


def _shared_growth(table: Table, parent: _Judged) -> Growth | None:
    """As the parent's, a row for a row."""
    rows, of_parent = table.known_rows, parent.table.known_rows
    if parent.growth is None or not rows or not of_parent:
        return None
    a_day = parent.growth.rows_a_day * rows / of_parent
    return replace(
        parent.growth,
        rows_a_day=a_day,
        bytes_a_day=a_day * table.size / rows,
        index_bytes_a_day=a_day * table.index_bytes / rows,
    )


def _plan(judged: _Judged, chosen: Interval, evidence: Evidence, converted: Mapping[int, _Judged]) -> Plan | None:
    if judged.table.oid not in converted or judged.column is None:
        return None
    table, column, grown = judged.table, judged.column, judged.growth
    own = table.column(column)
    fitting = interval.for_column(chosen, own)
    made = interval.chunks(table, grown, fitting, evidence) if grown else None
    columns = {oid: each.column or "" for oid, each in converted.items()}
    to_widen = None if any(column in index.columns for index in table.indexes if index.primary) else column
    return Plan(
        column=column,
        comes_from=judged.added,
        copied=judged.key,
        parent_column=judged.parent_column,
        interval=fitting,
        chunks=made,
        keys=keys.key_facts(table, column),
        columnstore=columnstore.columnstore(table, column, made.rows_each if made else 0, evidence),
        retention=_retention(table, grown),
        children=relatives.children(table, column, evidence, columns),
        foreign_keys=relatives.fates(table, column, evidence, columns),
        redundant=indexes.redundant(table, to_widen),
        caches=caches.caches(table, evidence),
        method=method.method(table, column, evidence),
    )


def _retention(table: Table, grown: Growth | None) -> str:
    """Only a question: nothing in a database says how long its rows are needed."""
    held = (
        f" A year of rows is {number(365 * grown.rows_a_day)} of them, {bytes_(365 * grown.bytes_a_day)}."
        if grown and not grown.idle
        else ""
    )
    return (
        f"How long are rows of {table.relation.name} needed? Older chunks can then be dropped "
        f"(op.add_retention_policy).{held} Without an answer, drop nothing."
    )
