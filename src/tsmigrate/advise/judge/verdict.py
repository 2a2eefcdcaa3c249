"""Convert, consider or leave, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tsmigrate.advise.evidence import Evidence, Kind, Table
from tsmigrate.advise.judge.growth import Growth
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.time_columns import TimeColumn
from tsmigrate.advise.judge.words import bytes_, days, listed, number, percent
from tsmigrate.advise.names import shown

LARGE_ROWS = 1_000_000
LARGE_BYTES = 100 * 1024 * 1024
_MANY_UPDATES = 1.0  # of each row that was inserted
_FEW_WRITES = 1_000  # counted, below which they tell nothing
_MOSTLY = 0.8


class Choice(StrEnum):
    CONVERT = "convert"
    CONSIDER = "consider"
    LEAVE = "leave"


@dataclass(frozen=True)
class Verdict:
    choice: Choice
    reasons: tuple[Reason, ...]


def verdict(table: Table, column: TimeColumn | None, growth: Growth | None, evidence: Evidence) -> Verdict:
    """`column` is the best of the fit ones, `growth` by it."""
    ruled_out = _ruled_out(table, column, evidence)
    if ruled_out:
        return Verdict(Choice.LEAVE, (Reason(ruled_out, -1),))
    rows = table.known_rows
    if rows is None and table.size >= LARGE_BYTES // 10:
        return Verdict(
            Choice.CONSIDER,
            (Reason(f"it takes {bytes_(table.size)} and was never analyzed: run ANALYZE {shown(table.relation)}"),),
        )
    if not _large(rows or 0, table.size):
        return _small(table, rows, growth)
    if table.kind == "p":
        taken = "it is partitioned already; op.create_hypertable takes it with its partitions"
        return Verdict(Choice.CONSIDER, (Reason(f"{taken}, and tsmigrate preflight tells what stands in the way"),))
    assert column is not None  # noqa: S101 - _ruled_out has seen to it
    reasons = [Reason(f"it holds {number(rows or 0)} rows in {bytes_(table.size)}", 1)]
    reasons += _for(table, column, growth)
    doubts = list(_doubts(table, column, growth, evidence))
    return Verdict(Choice.CONSIDER if doubts else Choice.CONVERT, (*reasons, *doubts))


def _ruled_out(table: Table, column: TimeColumn | None, evidence: Evidence) -> str:
    if table.oid in evidence.hypertables:
        found = evidence.hypertables[table.oid]
        return f"it is a hypertable already: by {found.column}, {number(found.chunks)} chunks of {found.interval}"
    if table.kind == "f":
        return "it is a foreign table: its rows are on another server"
    if table.inherits:
        return "it has a parent or children by inheritance, which TimescaleDB refuses"
    if column is None:
        return "it has no column of a time type that could be its partition column"
    return ""


def _large(rows: float, size: float) -> bool:
    return rows >= LARGE_ROWS or size >= LARGE_BYTES


def _small(table: Table, rows: int | None, growth: Growth | None) -> Verdict:
    if not table.size or rows == 0:
        return Verdict(Choice.LEAVE, (Reason("it is empty: what it will hold cannot be told", -1),))
    held = f"{number(rows)} rows in {bytes_(table.size)}" if rows is not None else f"only {bytes_(table.size)}"
    small = f"it holds {held}; below a million rows or {bytes_(LARGE_BYTES)} a plain table does as well"
    if rows is None:
        return Verdict(Choice.LEAVE, (Reason(f"{small} (never analyzed)", -1),))
    if growth and not growth.idle:
        rows_then, size_then = rows + 365 * growth.rows_a_day, table.size + 365 * growth.bytes_a_day
        if _large(rows_then, size_then):
            grown = (
                f"at {number(growth.rows_a_day)} rows a day it holds {number(rows_then)} rows in {bytes_(size_then)} "
                "in a year, and to convert a small table is the easiest"
            )
            return Verdict(Choice.CONSIDER, (Reason(f"it holds only {held} now", -1), Reason(grown, 1)))
    return Verdict(Choice.LEAVE, (Reason(small, -1),))


def _for(table: Table, column: TimeColumn, growth: Growth | None) -> Iterator[Reason]:
    if growth and not growth.idle:
        yield Reason(
            f"it grows by {number(growth.rows_a_day)} rows and {bytes_(growth.bytes_a_day)} a day, by {column.name}", 1
        )
    writes = table.writes
    if writes.inserted >= _FEW_WRITES and writes.updated + writes.deleted <= (1 - _MOSTLY) * writes.inserted:
        changed = writes.updated + writes.deleted
        yield Reason(
            f"it is mostly inserted into: {number(writes.inserted)} inserts to {number(changed)} updates and deletes", 1
        )


def _doubts(table: Table, column: TimeColumn, growth: Growth | None, evidence: Evidence) -> Iterator[Reason]:
    if not column.sure:
        yield Reason(f"little speaks for {column.name} or any other column of it as the partition column", -1)
    if growth is None:
        yield Reason(f"how it grows is not known: there are no statistics of {column.name}, or too few moments", -1)
    elif growth.idle:
        yield Reason(
            f"its newest rows were {days(growth.idle_days)} old when it was analyzed: it no longer grows, and chunks "
            "help only to compress it or to drop its old rows",
            -1,
        )
    writes = table.writes
    if writes.updated > _MANY_UPDATES * max(writes.inserted, _FEW_WRITES):
        yield Reason(
            f"its rows change: {number(writes.updated)} updates to {number(writes.inserted)} inserts. That is fine "
            "while they are young, and hard once their chunk is in the columnstore; statistics do not tell their age",
            -1,
        )
    by_age = evidence.calls(table, Kind.DELETE, column.name)
    if writes.inserted >= _FEW_WRITES and writes.deleted > _MOSTLY * writes.inserted and not by_age:
        yield Reason(
            f"rows do not stay: {number(writes.deleted)} deletes to {number(writes.inserted)} inserts. If they go by "
            "age, dropping chunks replaces that; if it is a queue, leave it",
            -1,
        )
    yield from _lookups(table, column, evidence)
    yield from _keys(table, column)


def _lookups(table: Table, column: TimeColumn, evidence: Evidence) -> Iterator[Reason]:
    if not evidence.statements:
        return
    timed = sum(evidence.calls(table, kind, column.name) for kind in (Kind.RANGE, Kind.ORDER, Kind.EQUAL, Kind.DELETE))
    other = sum(evidence.calls(table, Kind.EQUAL, each.name) for each in table.columns if each.name != column.name)
    if other and timed < (1 - _MOSTLY) * (timed + other):
        yield Reason(
            f"it is looked up without time: of {number(timed + other)} filters {percent(other / (timed + other))} name "
            f"other columns; those without a range of {column.name} would look into every chunk",
            -1,
        )


def _keys(table: Table, column: TimeColumn) -> Iterator[Reason]:
    without = [
        f"{index.name} ({listed([name or 'an expression' for name in index.columns])})"
        for index in table.indexes
        if index.unique and not index.primary and column.name not in index.columns
    ]
    if without:
        yield Reason(f"what is unique without {column.name} can no longer be enforced: {listed(without)}", -1)
