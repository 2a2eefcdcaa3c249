"""The server's answers as facts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tsmigrate.catalog.interval import in_words
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import COLUMNSTORE_POLICY, REFRESH_POLICY, REORDER_POLICY, RETENTION_POLICY
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind, State
from tsmigrate.status.facts import (
    Aggregate,
    Chunk,
    Compression,
    Dimension,
    How,
    Hypertable,
    Policy,
    Size,
    Span,
)
from tsmigrate.url import without_passwords

_MICROSECONDS = 1_000_000
_KINDS = {
    RETENTION_POLICY: Kind.RETENTION,
    COLUMNSTORE_POLICY: Kind.COLUMNSTORE_POLICY,
    REFRESH_POLICY: Kind.REFRESH,
    REORDER_POLICY: Kind.REORDER_POLICY,
}
SPANS = (
    "drop_after",
    "drop_created_before",
    "compress_after",
    "compress_created_before",
    "start_offset",
    "end_offset",
)


def words(span: str) -> str:
    return span if span.lstrip("-").isdigit() else in_words(span)


def hypertables(
    rows: Iterable[Any], chunks: Iterable[Any], compression: Iterable[Any], spans: Mapping[str, Span]
) -> dict[Relation, Hypertable]:
    chunks_of: defaultdict[Relation, list[Chunk]] = defaultdict(list)
    for row in chunks:
        chunks_of[Relation(row.schema, row.name)].append(_chunk(row))
    compressed = {
        Relation(row.schema, row.name): Compression(int(row.before or 0), int(row.after or 0), int(row.rows))
        for row in compression
    }
    dimensions: defaultdict[Relation, list[Any]] = defaultdict(list)
    for row in rows:
        dimensions[Relation(row.schema, row.name)].append(row)
    return {
        relation: Hypertable(
            relation=relation,
            dimensions=tuple(
                Dimension(row.column, row.type, spans.get(row.interval) if row.interval else None, row.partitions)
                for row in of_it
            ),
            chunks=tuple(sorted(chunks_of[relation], key=lambda chunk: (chunk.since, chunk.until))),
            compression=compressed.get(relation),
            has_columnstore=of_it[0].columnstore,
        )
        for relation, of_it in dimensions.items()
    }


def _chunk(row: Any) -> Chunk:
    by_number = row.range_start_integer is not None
    size = None
    if row.total is not None:
        size = Size(table=row.total - row.indexes - row.toast, indexes=row.indexes, toast=row.toast)
    # PostgreSQL says -1 of what was never analyzed; what is compressed was counted then.
    unknown = row.rows < 0 and not row.is_compressed
    return Chunk(
        since=row.range_start_integer if by_number else row.since if row.since is not None else float("-inf"),
        until=row.range_end_integer if by_number else row.until if row.until is not None else float("inf"),
        created=row.created,
        is_compressed=row.is_compressed,
        rows=None if unknown else max(row.rows, 0.0),
        size=size,
        locks=row.locks,
    )


def of_job(row: Any, spans: Mapping[str, Span]) -> Policy:
    config = json.loads(row.config) if row.config else {}
    failing = row.last_run_status == "Failed"
    error = ": ".join(part for part in (row.sqlerrcode, row.err_message) if part)
    return Policy(
        relation=Relation(row.schema, row.name) if row.name else None,
        kind=str(_KINDS.get(row.proc_name, f"{row.proc_schema}.{row.proc_name}")),
        how=How.NATIVE,
        job=row.job_id,
        every=spans.get(row.every),
        spans=_spans_in(config, spans),
        last_run=row.last_run,
        last_success=row.last_success,
        next_run=row.next_run,
        is_failing=failing,
        failures=int(row.failures),
        error=without_passwords(error) if failing and error else None,
        is_scheduled=row.scheduled,
    )


def of_row(row: state.Policy, spans: Mapping[str, Span]) -> Policy:
    return Policy(
        relation=row.relation,
        kind=str(row.kind),
        how=How.EMULATED if row.state is State.EMULATED else How.DEFERRED,
        job=None,
        every=spans.get(row.every) if row.every else None,
        spans=_spans_in(row.config, spans),
        last_run=row.last_run,
        last_success=row.last_success,
        next_run=row.next_run,
        is_failing=row.failures > 0,
        failures=row.failures,
        error=without_passwords(row.last_error) if row.failures and row.last_error else None,
        is_scheduled=not row.paused,
    )


def _spans_in(config: Mapping[str, Any], spans: Mapping[str, Span]) -> dict[str, Span]:
    return {name: spans[str(config[name])] for name in SPANS if config.get(name) is not None}


def native(row: Any, hypertables: Mapping[Relation, Hypertable]) -> Aggregate:
    held = hypertables.get(Relation(row.held_schema, row.held_name))
    unit = 1 if row.by_number else _MICROSECONDS
    return Aggregate(
        relation=Relation(row.schema, row.name),
        source=Relation(row.source_schema, row.source_name),
        how=How.NATIVE,
        materialized_only=row.materialized_only,
        by_number=row.by_number,
        filled_to=None if row.filled_to is None else row.filled_to / unit,
        threshold=None if row.threshold is None else row.threshold / unit,
        size=held.size.total if held else None,
    )


def in_place(row: state.Policy, sizes: Mapping[str, int], policies: Sequence[Policy]) -> Aggregate:
    """How far it is filled is known from its policy: each of its runs fills it to `end_offset` before."""
    assert row.relation is not None  # noqa: S101 - the caller asked
    refresh = next((each for each in policies if each.relation == row.relation and each.kind == Kind.REFRESH), None)
    by_number = bool(row.config.get("by_number"))
    filled_to = None
    if refresh and refresh.last_success and not by_number:
        end = refresh.spans.get("end_offset")
        filled_to = refresh.last_success.timestamp() - (end.amount or 0.0 if end else 0.0)
    return Aggregate(
        relation=row.relation,
        source=row.source or row.relation,
        how=How.EMULATED,
        materialized_only=bool(row.config.get("materialized_only")),
        by_number=by_number,
        filled_to=filled_to,
        threshold=None,
        size=sizes.get(str(row.config.get("holder"))),
    )
