"""How to convert: by copying the rows, by attaching the table, or without a long lock; with seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate.advise.evidence import Evidence, Table
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.capability import REQUIREMENTS, Edition
from tsmigrate.convert.estimate import Estimate, Outlook

LONGEST_LOCK = 60  # seconds that an application may stand still
_NOT_WORTH_IT = 10  # seconds below which a copy is the simpler way


@dataclass(frozen=True)
class Method:
    name: str  # copy, attach or online
    copy: Estimate
    attach: Estimate | None  # None: this server cannot
    reasons: tuple[Reason, ...]


def method(table: Table, column: str, evidence: Evidence) -> Method:
    outlook = _outlook(table, column, evidence)
    copy, attach = outlook.copying(), outlook.attaching() if outlook.may_attach else None
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


def _outlook(table: Table, column: str, evidence: Evidence) -> Outlook:
    """From the statistics alone: nothing is tried out on the table."""
    found = table.column(column)
    return Outlook(
        table=str(table.relation),
        heap=table.heap,
        whole=table.heap + table.toast,
        indexes=table.index_bytes,
        may_attach=_may_attach(evidence),
        indexed=any(index.columns == (column,) for index in table.indexes),
        nullable=found is not None and not found.required,
    )


def _may_attach(evidence: Evidence) -> bool:
    timescale, needs = evidence.server.timescale, REQUIREMENTS["attach_chunk"]
    return bool(
        timescale.usable
        and timescale.installed
        and timescale.installed >= needs.since
        and timescale.edition is Edition.COMMUNITY
    )
