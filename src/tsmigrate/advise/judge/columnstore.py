"""How old chunks go into the columnstore: by which column, in which order, and when."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate.advise.evidence import Column, Evidence, Kind, Table
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.words import number
from tsmigrate.schema import layout

ENOUGH = 100  # rows of a value in a chunk: batches of fewer rows compress badly
FULL_BATCH = 1_000
AFTER = "7 days"  # since the end of the chunk


@dataclass(frozen=True)
class Columnstore:
    segmentby: tuple[str, ...]
    orderby: tuple[str, ...]
    after: str
    reasons: tuple[Reason, ...]
    refused: str  # why there can be none; empty: there can


def columnstore(table: Table, column: str, rows_a_chunk: float, evidence: Evidence) -> Columnstore:
    refused = _refused(table)
    if refused:
        return Columnstore((), (), "", (), refused)
    segment, reasons = _segment(table, column, rows_a_chunk, evidence)
    keys = _key_columns(table, column, segment)
    if keys:
        reasons.append(
            Reason(f"ordered by {', '.join(keys)} after the time, so that a lookup by key opens few batches")
        )
    reasons.append(
        Reason(
            f"a chunk goes there {AFTER} after its end; take longer if rows are inserted or updated when they are "
            "older: statistics do not tell"
        )
    )
    order = (layout.entry(column, "DESC"), *map(layout.entry, keys))
    return Columnstore((segment,) if segment else (), order, AFTER, tuple(reasons), "")


def _refused(table: Table) -> str:
    if table.row_security:
        return "a table with row security cannot have a columnstore"
    excluding = [index.name for index in table.indexes if index.exclusion]
    if excluding:
        return f"a table with an exclusion constraint ({', '.join(excluding)}) cannot have a columnstore"
    return ""


def _key_columns(table: Table, column: str, segment: str) -> list[str]:
    found: list[str] = []
    for index in table.indexes:
        if index.unique and not index.condition and all(index.columns):
            found += [name for name in index.columns if name and name not in (column, segment, *found)]
    return found


def _segment(table: Table, column: str, rows_a_chunk: float, evidence: Evidence) -> tuple[str, list[Reason]]:
    """The commonest filter that is not unique to a few rows."""
    alone = {index.columns for index in table.indexes if index.unique}  # a row of each value
    others = [each for each in table.columns if each.name != column and (each.name,) not in alone]
    seen = [(each, _asked(table, each, evidence)) for each in others]
    wanted = sorted(((each, times) for each, times in seen if times > (0, 0)), key=lambda one: one[1], reverse=True)
    passed: list[str] = []
    for each, (calls, led) in wanted:
        values = _values(each, table)
        if values is None or values < 2:
            continue
        rows = rows_a_chunk / values
        if rows < ENOUGH:
            passed.append(f"{each.name} has {number(values)} values, {number(rows)} rows of each in a chunk")
            continue
        filtered = (
            f"{number(calls)} calls filter by it"
            if calls
            else "an index begins with it"
            if led == 1
            else f"{led} indexes begin with it"
        )
        said = (
            f"segmented by {each.name}: {filtered}, and a chunk holds about {number(rows)} rows of each of its "
            f"{number(values)} values"
        )
        if rows < FULL_BATCH:
            said += f"; batches hold up to {FULL_BATCH:,}, so that more would compress better"
        return each.name, [Reason(said)]
    why = "segmented by no column: " + ("; ".join(passed[:2]) if passed else "no index and no statement filters by one")
    return "", [Reason(why + (f" (below {ENOUGH})" if passed else ""))]


def _asked(table: Table, column: Column, evidence: Evidence) -> tuple[int, int]:
    """By statements; and by indexes that begin with it."""
    led = sum(1 for index in table.indexes if index.columns[0] == column.name and not index.condition)
    return evidence.calls(table, Kind.EQUAL, column.name), led


def _values(column: Column, table: Table) -> float | None:
    if column.statistics is None:
        return None
    distinct = column.statistics.distinct
    return distinct if distinct > 0 else -distinct * (table.known_rows or 0)
