"""How to convert: by copying the rows, by attaching the table, or without a long lock; with seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate.advise.evidence import Evidence, Table
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.words import bytes_, seconds
from tsmigrate.capability import REQUIREMENTS, Edition

LONGEST_LOCK = 60  # seconds that an application may stand still
_NOT_WORTH_IT = 10  # seconds below which a copy is the simpler way

# Megabytes a second, of tables of up to 5 million rows on two cores (docs/measurements.md), and how far to be wrong.
_CHECKED, _MOVED, _INDEXED = 250, 80, 50
_LOW, _HIGH = 0.6, 2.0
_MB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """What a conversion locks and needs; not measured on this server."""

    low: float  # seconds of lock
    high: float
    disk: int  # bytes beside what is there

    @property
    def told(self) -> str:
        disk = f"{bytes_(self.disk)} more on disk and about as much WAL" if self.disk else "nothing more on disk"
        low, high = seconds(self.low), seconds(self.high)
        return f"locked for {low if low == high else f'{low} to {high}'}, {disk}"


@dataclass(frozen=True)
class Method:
    name: str  # copy, attach or online
    copy: Cost
    attach: Cost | None  # None: this server cannot
    reasons: tuple[Reason, ...]


def method(table: Table, column: str, evidence: Evidence) -> Method:
    copy = copying(table)
    attach = attaching(table, column) if _may_attach(evidence) else None
    needs = REQUIREMENTS["attach_chunk"]
    if copy.high <= _NOT_WORTH_IT or (attach is None and copy.high <= LONGEST_LOCK):
        return Method("copy", copy, attach, (Reason(f"op.create_hypertable(…, migrate_data=True): {copy.told}"),))
    if attach is not None and attach.high <= LONGEST_LOCK:
        reasons = (
            Reason(f'op.create_hypertable(…, method="attach"): {attach.told}; a copy would be {copy.told}'),
            Reason("all rows of today become one chunk, which is compressed and dropped as a whole"),
        )
        return Method("attach", copy, attach, reasons)
    too_long = f"too big to lock for a copy: {copy.told}"
    if attach is not None:
        too_long += f"; and to attach: {attach.told}"
    way_out = f"; or attach it, on {needs} or later" if attach is None else ""
    plan = (
        "an online move is planned for such tables and is not there yet: until then convert it in a maintenance window"
        + way_out
    )
    return Method("online", copy, attach, (Reason(too_long, -1), Reason(plan)))


def copying(table: Table) -> Cost:
    """Two checksums, the move, and every index anew."""
    rows = table.heap + table.toast
    busy = 2 * table.heap / (_CHECKED * _MB) + rows / (_MOVED * _MB) + table.index_bytes / (_INDEXED * _MB)
    return Cost(busy * _LOW, busy * _HIGH, table.size)


def attaching(table: Table, column: str) -> Cost:
    """Two scans, a third where the column may be NULL, and TimescaleDB's index where there is none like it."""
    found = table.column(column)
    scans = 2 if found is None or found.required else 3
    indexed = any(index.columns[0] == column and not index.condition for index in table.indexes)
    new_index = 0 if indexed else int((table.known_rows or 0) * 22)
    busy = scans * table.heap / (2 * _CHECKED * _MB) + new_index / (_INDEXED * _MB)
    return Cost(busy * _LOW, busy * _HIGH, new_index)


def _may_attach(evidence: Evidence) -> bool:
    timescale, needs = evidence.server.timescale, REQUIREMENTS["attach_chunk"]
    return bool(
        timescale.usable
        and timescale.installed
        and timescale.installed >= needs.since
        and timescale.edition is Edition.COMMUNITY
    )
