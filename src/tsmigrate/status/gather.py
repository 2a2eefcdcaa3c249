"""Read how a database stands: a fixed number of statements, however many chunks and tables there are.

Only catalogs, statistics and the sizes of files are read, no rows and no function of a user's. What may not be read
becomes a finding, and the rest is told all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability
from tsmigrate.catalog.relation import Relation
from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.errors import BlockedError, TsmigrateError
from tsmigrate.finding import Finding, Severity
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind
from tsmigrate.sql import literal, raw
from tsmigrate.status import answers
from tsmigrate.status.facts import Aggregate, Facts, Policy, Span
from tsmigrate.undo import SCHEMA
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


def gather(connection: Connection, ini: Path | None) -> Facts:
    """The transaction is made read-only."""
    server = capability.ask(connection)
    settings = (f"set_config({literal(name)}, {literal(value)}, true)" for name, value in _SETTINGS.items())
    try:
        connection.execute(raw("SET TRANSACTION READ ONLY"))
        connection.execute(raw(f"SELECT {', '.join(settings)}"))
        return _Reader(connection, server).facts(ini)
    except DBAPIError as error:
        says = reason_given(error)
        raise BlockedError(f"{server.database} answers no more: {says}", mend="see the server's log") from error


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
        everything = answers.hypertables(rows["hypertables"], rows["chunks"], rows["compression"], spans)
        policies = [answers.of_job(row, spans) for row in rows["jobs"]]
        policies += [answers.of_row(each, spans) for each in emulated if each.kind is not Kind.AGGREGATE]
        held = {Relation(row.held_schema, row.held_name): row for row in rows["aggregates"]}
        aggregates = [answers.native(row, everything) for row in rows["aggregates"]]
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
            says = reason_given(error)
            self._unread.append(
                Finding(
                    "rights" if sqlstate(error) == "42501" else "unread",
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
        return [answers.in_place(row, sizes, policies) for row in emulated]

    def _spans(
        self, dimensions: Iterable[Any], jobs: Iterable[Any], emulated: Iterable[state.Policy]
    ) -> Mapping[str, Span]:
        """By how they are written."""
        written: set[str | None] = {row.interval for row in dimensions}
        written |= {row.every for row in jobs} | {row.every for row in emulated}
        for config in (*(json.loads(row.config or "{}") for row in jobs), *(row.config for row in emulated)):
            written |= {str(config[name]) for name in answers.SPANS if config.get(name) is not None}
        wanted = sorted(each for each in written if each is not None)
        query = text((files("tsmigrate.status") / "sql" / "spans.sql").read_text().replace("::", "\\:\\:"))
        nothing: Sequence[Any] = ()
        rows = self._tried("intervals", lambda: self._connection.execute(query, {"spans": wanted}).all(), nothing)
        amounts = {row.span: row.amount for row in rows}
        return {each: Span(answers.words(each), amounts.get(each)) for each in wanted}

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
