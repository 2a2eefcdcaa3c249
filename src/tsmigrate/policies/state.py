"""What a database knows of policies that its server cannot run: `tsmigrate.policy`, and how their runs went.

A row of `tsmigrate.policy` is *emulated*, so that `tsmigrate policies run` does what TimescaleDB would do, or
*deferred*: nothing is done until the server can. `config` has the keys of TimescaleDB's own jobs (`drop_after`,
`start_offset`, `end_offset`, `compress_after`), so that `promote` can hand it over. The tables come with the first row
and go with the last, as does the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from tsmigrate import undo
from tsmigrate.catalog.relation import Relation
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal, raw
from tsmigrate.undo import Key

RUNS_KEPT = 100
"""Of each policy."""


class Kind(StrEnum):
    AGGREGATE = "aggregate"
    """An ordinary table and a view in place of a continuous aggregate. Nothing of it runs: its refresh does."""
    REFRESH = "refresh"
    RETENTION = "retention"
    COLUMNSTORE = "columnstore"
    """The layout, without which there is no policy."""
    COLUMNSTORE_POLICY = "columnstore policy"
    REORDER_POLICY = "reorder policy"


class State(StrEnum):
    EMULATED = "emulated"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class Policy:
    """A row of `tsmigrate.policy`."""

    relation: Relation | None  # None: it is gone
    oid: int
    kind: Kind
    state: State
    revision: str
    operation: str  # with `revision` and `subject` the key of its row in tsmigrate.undo, if it has one
    subject: str
    config: Mapping[str, Any]
    source: Relation | None  # what an aggregate reads
    schedule_interval: timedelta | None  # None: nothing runs
    every: str | None  # as the server writes it
    timeout: str
    paused: bool
    next_run: datetime | None
    due: bool
    failures: int  # in a row
    last_run: datetime | None
    last_success: datetime | None
    last_error: str | None

    @property
    def name(self) -> str:
        return str(self.relation) if self.relation else f"a table that is gone (it was {self.subject})"

    @property
    def told(self) -> str:
        return f"{self.kind} of {self.name}"


@dataclass(frozen=True)
class PastRun:
    """A row of `tsmigrate.policy_run`."""

    relation: Relation | None
    kind: Kind
    started: datetime
    finished: datetime
    outcome: str
    details: Mapping[str, Any]
    error: str | None


TABLES = assemble(
    """
    {{schema}}
    IF to_regclass('tsmigrate.policy') IS NULL THEN
      CREATE TABLE tsmigrate.policy (
        relation regclass NOT NULL, kind text NOT NULL, state text NOT NULL,
        revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, config jsonb NOT NULL,
        source regclass, schedule_interval interval, timeout interval NOT NULL DEFAULT '1 hour',
        paused boolean NOT NULL DEFAULT false, next_run timestamptz, failures int NOT NULL DEFAULT 0,
        last_run timestamptz, last_success timestamptz, last_error text,
        PRIMARY KEY (relation, kind)
      );
      COMMENT ON TABLE tsmigrate.policy IS
        'What this server cannot run: emulated by tsmigrate policies run, or deferred until tsmigrate policies promote';
      CREATE TABLE tsmigrate.policy_run (
        relation regclass NOT NULL, kind text NOT NULL, started timestamptz NOT NULL, finished timestamptz NOT NULL,
        outcome text NOT NULL, details jsonb NOT NULL, error text,
        PRIMARY KEY (relation, kind, started),
        FOREIGN KEY (relation, kind) REFERENCES tsmigrate.policy ON UPDATE CASCADE ON DELETE CASCADE
      );
    END IF;
    """,
    schema=undo.CREATE_SCHEMA,
)
"""A piece of PL/pgSQL: the tables, where they are not there yet."""

SWEEP = assemble(
    """
    DELETE FROM tsmigrate.policy p WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.relation);
    IF NOT EXISTS (SELECT FROM tsmigrate.policy) THEN
      DROP TABLE tsmigrate.policy_run, tsmigrate.policy;
      {{schema}}
    END IF;
    """,
    schema=undo.DROP_SCHEMA,
)
"""A piece of PL/pgSQL: forget what is about tables that are gone, and take the tables away where nothing is left."""


@dataclass(frozen=True)
class Row:
    """What is to stand in `tsmigrate.policy`, in SQL expressions."""

    kind: Kind
    state: State
    relation: str
    config: str  # jsonb
    every: str = "NULL"  # interval; NULL: nothing runs
    source: str = "NULL"  # what an aggregate reads


def write(key: Key, row: Row) -> str:
    """A piece of PL/pgSQL."""
    return assemble(
        """
        INSERT INTO tsmigrate.policy
          (relation, kind, state, revision, operation, subject, config, source, schedule_interval, next_run)
        VALUES ({{relation}}, {{kind}}, {{state}}, {{revision}}, {{operation}}, {{subject}}, {{config}}, {{source}},
                {{every}}, CASE WHEN {{every}} IS NOT NULL THEN now() END);
        """,
        relation=row.relation,
        kind=literal(row.kind),
        state=literal(row.state),
        revision=literal(key.revision),
        operation=literal(key.operation),
        subject=literal(key.subject),
        config=row.config,
        source=row.source,
        every=row.every,
    )


def forget(kind: Kind, relation: str) -> str:
    """A piece of PL/pgSQL: the row goes. `relation` is an expression."""
    return f"DELETE FROM tsmigrate.policy WHERE relation = {relation} AND kind = {literal(kind)};\n{SWEEP}"


def exists(connection: Connection) -> bool:
    return connection.execute(raw("SELECT to_regclass('tsmigrate.policy')")).scalar() is not None


def policies(connection: Connection) -> list[Policy]:
    """All of them: aggregates before what refreshes them, and that before what drops rows."""
    if not exists(connection):
        return []
    return [_policy(row) for row in connection.execute(raw(_POLICIES))]


def runs(connection: Connection, limit: int = RUNS_KEPT) -> list[PastRun]:
    """The newest runs, of all policies together, the newest first."""
    if not exists(connection):
        return []
    return [
        PastRun(_relation(row), Kind(row.kind), row.started, row.finished, row.outcome, row.details, row.error)
        for row in connection.execute(_RUNS, {"limit": limit})
    ]


def _policy(row: Any) -> Policy:
    return Policy(
        relation=_relation(row),
        oid=row.oid,
        kind=Kind(row.kind),
        state=State(row.state),
        revision=row.revision,
        operation=row.operation,
        subject=row.subject,
        config=row.config,
        source=Relation(row.source_schema, row.source_name) if row.source_name else None,
        schedule_interval=row.schedule_interval,
        every=row.every,
        timeout=row.timeout,
        paused=row.paused,
        next_run=row.next_run,
        due=row.due,
        failures=row.failures,
        last_run=row.last_run,
        last_success=row.last_success,
        last_error=row.last_error,
    )


def _relation(row: Any) -> Relation | None:
    return None if row.name is None else Relation(row.schema, row.name)


DUE = "p.state = 'emulated' AND NOT p.paused AND p.next_run <= now()"
"""A condition on `tsmigrate.policy p`."""
IN_ORDER = "array_position(ARRAY['aggregate', 'refresh', 'retention'], p.kind), p.relation::oid, p.kind"
"""Aggregates before what refreshes them, and that before what drops rows."""

_POLICIES = f"""
SELECT n.nspname AS schema, c.relname AS name, p.relation::oid::bigint AS oid, p.kind, p.state, p.revision,
       p.operation, p.subject, p.config, m.nspname AS source_schema, s.relname AS source_name,
       p.schedule_interval, p.schedule_interval::text AS every,
       p.timeout::text AS timeout, p.paused, p.next_run, p.failures,
       coalesce({DUE} AND c.oid IS NOT NULL, false) AS due,
       p.last_run, p.last_success, p.last_error
FROM tsmigrate.policy p
LEFT JOIN pg_class c ON c.oid = p.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class s ON s.oid = p.source
LEFT JOIN pg_namespace m ON m.oid = s.relnamespace
ORDER BY {IN_ORDER}
"""
_RUNS = text("""
SELECT n.nspname AS schema, c.relname AS name, r.kind, r.started, r.finished, r.outcome, r.details, r.error
FROM tsmigrate.policy_run r
LEFT JOIN pg_class c ON c.oid = r.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY r.started DESC LIMIT :limit
""")
