"""Read how a database stands: a fixed number of statements, however many chunks and tables there are.

Only catalogs, statistics and the sizes of files are read, no rows and no function of a user's. What may not be read
becomes a finding, and the rest is told all the same.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability
from tsmigrate.catalog.interval import in_words
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import COLUMNSTORE_POLICY, REFRESH_POLICY, RETENTION_POLICY
from tsmigrate.errors import TsmigrateError
from tsmigrate.finding import Finding, Severity
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind, State
from tsmigrate.sql import literal, raw
from tsmigrate.status.facts import (
    Aggregate,
    Chunk,
    Compression,
    Dimension,
    Facts,
    How,
    Hypertable,
    Policy,
    Size,
    Span,
)
from tsmigrate.undo import SCHEMA
from tsmigrate.url import without_passwords
from tsmigrate.verify.drift import Drift, drift

_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "lock_timeout": "500ms",
    "statement_timeout": "30s",
    # Compiling a query over the catalogs takes longer than the query.
    "jit": "off",
}
_T = TypeVar("_T")
_MICROSECONDS = 1_000_000
_KINDS = {RETENTION_POLICY: Kind.RETENTION, COLUMNSTORE_POLICY: Kind.COLUMNSTORE_POLICY, REFRESH_POLICY: Kind.REFRESH}
SPANS = (
    "drop_after",
    "drop_created_before",
    "compress_after",
    "compress_created_before",
    "start_offset",
    "end_offset",
)


def gather(connection: Connection, ini: Path | None) -> Facts:
    """The transaction is made read-only."""
    server = capability.ask(connection)
    connection.execute(raw("SET TRANSACTION READ ONLY"))
    settings = (f"set_config({literal(name)}, {literal(value)}, true)" for name, value in _SETTINGS.items())
    connection.execute(raw(f"SELECT {', '.join(settings)}"))
    return _Reader(connection, server).facts(ini)


class _Reader:
    """Each question in a savepoint: one that fails takes nothing else with it."""

    def __init__(self, connection: Connection, server: capability.Server) -> None:
        self._connection, self._server = connection, server
        self._unread: list[Finding] = []

    def facts(self, ini: Path | None) -> Facts:
        connection = self._connection
        now = float(connection.execute(raw("SELECT extract(epoch FROM now())::float8")).scalar_one())
        usable = self._server.timescale.usable  # otherwise some views end the connection
        rows = {name: self._rows(name, what) if usable else () for name, what in _QUERIES.items()}
        emulated = self._emulated()
        spans = self._spans(rows["hypertables"], rows["jobs"], emulated)
        everything = _hypertables(rows["hypertables"], rows["chunks"], rows["compression"], spans)
        policies = [_of_job(row, spans) for row in rows["jobs"]]
        policies += [_of_row(each, spans) for each in emulated if each.kind is not Kind.AGGREGATE]
        held = {Relation(row.held_schema, row.held_name): row for row in rows["aggregates"]}
        aggregates = [_native(row, everything) for row in rows["aggregates"]]
        aggregates += self._emulated_aggregates(emulated, policies)
        return Facts(
            server=self._server,
            now=now,
            hypertables={name: each for name, each in everything.items() if name not in held},
            held={name: each for name, each in everything.items() if name in held},
            aggregates={each.relation: each for each in aggregates},
            policies=tuple(policies),
            workers=self._tried("timescaledb.max_background_workers", self._workers, None),
            drift=self._drift(ini),
            unread=tuple(self._unread),
        )

    def _rows(self, name: str, what: str) -> Sequence[Any]:
        query = (files("tsmigrate.status") / "sql" / f"{name}.sql").read_text()
        nothing: Sequence[Any] = ()
        return self._tried(what, lambda: self._connection.execute(raw(query)).all(), nothing)

    def _tried(self, what: str, ask: Callable[[], _T], otherwise: _T) -> _T:
        try:
            with self._connection.begin_nested():
                return ask()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            says = without_passwords(str(error.orig).strip().splitlines()[0])
            self._unread.append(
                Finding(
                    "rights" if getattr(error.orig, "pgcode", "") == "42501" else "unread",
                    Severity.WARNING,
                    f"{what} could not be read: {says}",
                    why="what follows from it is left out",
                )
            )
            return otherwise

    def _workers(self) -> int | None:
        query = "SELECT setting::int FROM pg_settings WHERE name = 'timescaledb.max_background_workers'"
        found = self._connection.execute(raw(query)).scalar()
        return None if found is None else int(found)

    def _emulated(self) -> list[state.Policy]:
        allowed = self._connection.execute(raw(_MAY_READ)).scalar()
        if allowed is None:
            return []
        if not allowed:
            self._unread.append(
                Finding(
                    "rights",
                    Severity.NOTE,
                    f"what is emulated or deferred may not be read by {self._server.role.name}",
                    why=f"the schema {SCHEMA} is its owner's alone",
                    mend=f"ask as the role that ran the revisions, or GRANT USAGE ON SCHEMA {SCHEMA} and "
                    f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} to this one",
                )
            )
            return []
        return self._tried("tsmigrate.policy", lambda: state.policies(self._connection), [])

    def _emulated_aggregates(self, rows: Iterable[state.Policy], policies: Sequence[Policy]) -> list[Aggregate]:
        emulated = [row for row in rows if row.kind is Kind.AGGREGATE and row.relation is not None]
        if not emulated:
            return []
        nothing: Sequence[Any] = ()
        found = self._tried("sizes", lambda: self._connection.execute(raw(_HOLDERS)).all(), nothing)
        sizes = {name: int(size) for name, size in found}
        return [_in_place(row, sizes, policies) for row in emulated]

    def _spans(
        self, dimensions: Iterable[Any], jobs: Iterable[Any], emulated: Iterable[state.Policy]
    ) -> Mapping[str, Span]:
        """By how they are written."""
        written: set[str | None] = {row.interval for row in dimensions}
        written |= {row.every for row in jobs} | {row.every for row in emulated}
        for config in (*(json.loads(row.config or "{}") for row in jobs), *(row.config for row in emulated)):
            written |= {str(config[name]) for name in SPANS if config.get(name) is not None}
        wanted = sorted(each for each in written if each is not None)
        query = text((files("tsmigrate.status") / "sql" / "spans.sql").read_text().replace("::", "\\:\\:"))
        nothing: Sequence[Any] = ()
        rows = self._tried("intervals", lambda: self._connection.execute(query, {"spans": wanted}).all(), nothing)
        amounts = {row.span: row.amount for row in rows}
        return {each: Span(_words(each), amounts.get(each)) for each in wanted}

    def _drift(self, ini: Path | None) -> Drift | None:
        try:
            return self._tried("Alembic's table of versions", lambda: drift(self._connection, ini), None)
        except TsmigrateError as error:
            self._unread.append(Finding("revisions", Severity.WARNING, error.message, mend=error.mend))
            return None


_QUERIES = {
    "hypertables": "the hypertables",
    "chunks": "the chunks and their sizes",
    "compression": "the compression of chunks",
    "aggregates": "the continuous aggregates",
    "jobs": "the jobs",
}
# NULL: there is none.
_MAY_READ = f"""
SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {literal(SCHEMA)} AND c.relname = 'policy'
"""
_HOLDERS = f"""
SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {literal(SCHEMA)} AND c.relkind = 'r'
"""


def _words(span: str) -> str:
    return span if span.lstrip("-").isdigit() else in_words(span)


def _hypertables(
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


def _of_job(row: Any, spans: Mapping[str, Span]) -> Policy:
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


def _of_row(row: state.Policy, spans: Mapping[str, Span]) -> Policy:
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


def _native(row: Any, hypertables: Mapping[Relation, Hypertable]) -> Aggregate:
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


def _in_place(row: state.Policy, sizes: Mapping[str, int], policies: Sequence[Policy]) -> Aggregate:
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
