"""Which column to partition by: all columns of a time type, the best first, with the evidence for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tsmigrate.advise.evidence import Column, Evidence, Kind, Table
from tsmigrate.advise.judge.growth import quantiles
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.words import DAY, days, listed, number, percent

_NOW = re.compile(
    r"\b(now\(\)|current_timestamp|clock_timestamp\(\)|statement_timestamp\(\)|current_date|localtimestamp"
    r"|transaction_timestamp\(\))",
    re.IGNORECASE,
)
# As the pre-flight's `changing time` has it.
_CHANGING = re.compile(r"(^|_)(updated|modified|changed|touched|last_seen)(_?(at|on|time|date|ts))?$", re.IGNORECASE)
_IN_ORDER, _OUT_OF_ORDER = 0.9, 0.5  # correlations
_SURE = 3  # points from which on a column is taken without a doubt


@dataclass(frozen=True)
class TimeColumn:
    column: Column
    reasons: tuple[Reason, ...]
    unfit: str  # why it cannot be the partition column at all; empty: it can

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def points(self) -> int:
        return sum(reason.points for reason in self.reasons)

    @property
    def sure(self) -> bool:
        return not self.unfit and self.points >= _SURE


def time_columns(table: Table, evidence: Evidence) -> tuple[TimeColumn, ...]:
    found = [
        TimeColumn(column, tuple(_reasons(table, column, evidence)), _unfit(column))
        for column in table.columns
        if column.is_time
    ]
    return tuple(sorted(found, key=lambda one: (bool(one.unfit), -one.points, one.name)))


def _unfit(column: Column) -> str:
    if column.type != column.base_type:
        return f"its type is the domain {column.type}, which TimescaleDB does not partition by"
    if column.generated:
        return "it is generated, which TimescaleDB refuses"
    nulls = column.statistics.nulls if column.statistics else 0
    if nulls > 0 and not column.required:
        return f"{percent(nulls)} of its rows have no value, and a row without time has no chunk"
    if column.statistics and column.statistics.distinct == 1:
        return "all rows have the same value"
    return ""


def _reasons(table: Table, column: Column, evidence: Evidence) -> Iterator[Reason]:
    yield from _indexes(table, column)
    yield from _statements(table, column, evidence)
    if _NOW.search(column.default):
        yield Reason(f"its default is {column.default}", 2)
    if column.required:
        yield Reason("it is NOT NULL", 1)
    elif column.statistics:
        yield Reason("it may be NULL, and would become NOT NULL", -1)
    if _CHANGING.search(column.name):
        yield Reason(
            "its name says that it is set again when a row changes, and such a row cannot change its chunk", -4
        )
    if column.unit:
        yield Reason(f"by its name and its values it counts the {column.unit} since 1970", 1)
    if column.base_type == "date":
        yield Reason("it holds whole days, so that a chunk does too")
    yield from _values(column, evidence.now)


def _indexes(table: Table, column: Column) -> Iterator[Reason]:
    btrees = [index for index in table.indexes if index.method == "btree" and index.valid]
    led = [index for index in btrees if index.columns[0] == column.name]
    second = [index for index in btrees if column.name in index.columns[1:] and index not in led]
    whole = [index.name for index in led if not index.condition]
    partial = [index.name for index in led if index.condition]
    if whole:
        yield Reason(f"it leads the {_indexes_called(whole)}", 3)
    if partial:
        yield Reason(f"it leads the partial {_indexes_called(partial)}", 1)
    if second:
        yield Reason(f"it follows other columns in the {_indexes_called([index.name for index in second])}", 2)
    if not led and not second:
        yield Reason("no index holds it", -1)
    if table.primary_key and column.name in table.primary_key.columns:
        yield Reason("it is in the primary key", 2)


def _indexes_called(names: list[str]) -> str:
    return f"index{'es' if len(names) > 1 else ''} {listed(names)}"


def _statements(table: Table, column: Column, evidence: Evidence) -> Iterator[Reason]:
    ranges = evidence.calls(table, Kind.RANGE, column.name)
    if ranges:
        yield Reason(f"statements that were called {number(ranges)} times filter by a range of it", 3)
    if orders := evidence.calls(table, Kind.ORDER, column.name):
        yield Reason(f"statements that were called {number(orders)} times want the first rows in its order", 1)
    if deletes := evidence.calls(table, Kind.DELETE, column.name):
        yield Reason(f"rows are deleted by a range of it, {number(deletes)} times: dropping chunks replaces that", 2)
    if assigned := evidence.calls(table, Kind.ASSIGN, column.name):
        yield Reason(
            f"statements that were called {number(assigned)} times set it in an UPDATE, which fails (23514) where the "
            "new moment is another chunk's",
            -6,
        )


def _values(column: Column, now: datetime) -> Iterator[Reason]:
    statistics = column.statistics
    if statistics is None:
        yield Reason("there are no statistics of it (ANALYZE, or no right to read it)")
        return
    if statistics.correlation is not None:
        order = statistics.correlation
        said = f"the order of rows on disk follows it with a correlation of {order:.2f}"
        if order >= _IN_ORDER:
            yield Reason(said, 2)
        else:
            yield Reason(said, -1 if abs(order) < _OUT_OF_ORDER else 0)
    spread = quantiles(statistics)
    if spread:
        ahead = (spread[len(spread) // 2] - now.timestamp()) / DAY
        if ahead > 1:
            yield Reason(
                f"half of its moments lie ahead, {days(ahead)} and more: it is when something is to happen", -4
            )
