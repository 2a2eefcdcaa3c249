"""An emulated aggregate becomes a continuous one, under its name, with the same rows.

TimescaleDB's own is built beside it: in one transaction it is made and given the buckets that no rows are left for,
then it is refreshed as far as ours is, and compared. In a last transaction the two change names, the views that read
ours are pointed to it, and ours goes. Until then nobody notices anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import BlockedError
from tsmigrate.ops.aggregate_definition import GIVEN, give
from tsmigrate.ops.emulate import emulated
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.plpgsql import TIMESCALE, as_do, assemble, refuse, view_options
from tsmigrate.policies import runner
from tsmigrate.policies.drop import TAKE_AWAY
from tsmigrate.policies.state import Policy
from tsmigrate.policies.windows import ADDED_INDEXES
from tsmigrate.sql import MAX_IDENTIFIER_BYTES, literal, qualified, raw

SUFFIX = "_promoted"
MARK = "made by tsmigrate policies promote, which is not done with it"
ATTEMPTS = 3


def promote(connection: Connection, policy: Policy, tell: Callable[[str], None]) -> None:
    native = _native(policy)
    differing = 0
    for _ in range(ATTEMPTS):
        tell(f"{policy.name}: filling")
        # Ours first: a row that changes in between shows as a difference, and the next attempt has it.
        span = _refreshed(connection, policy)
        connection.execute(raw(as_do(_made(policy, native))))
        connection.commit()
        if span is not None:
            _fill(connection, policy, native, span)
        tell(f"{policy.name}: comparing")
        differing = int(connection.execute(raw(_differing(connection, policy, native))).scalar_one())
        connection.rollback()
        if not differing:
            break
    if differing:
        raise BlockedError(
            f"{differing} rows of {policy.name} differ between TimescaleDB's aggregate and the emulated one",
            mend=f"compare the two (it is left as {native}), and run promote again once rows no longer change so fast",
        )
    connection.execute(raw(as_do(_swapped(policy, native))))
    connection.commit()


def tried(connection: Connection, policy: Policy) -> None:
    """All of it but the filling, which takes long and cannot be rolled back."""
    native = _native(policy)
    connection.execute(raw(as_do(_made(policy, native))))
    connection.execute(raw(as_do(_swapped(policy, native))))


def _native(policy: Policy) -> str:
    """What TimescaleDB's is called until it takes the other's place."""
    if policy.relation is None:
        raise BlockedError(f"{policy.name} is gone")
    return qualified(_beside(policy.relation.name), policy.relation.schema)


def _beside(name: str) -> str:
    while len((name + SUFFIX).encode()) > MAX_IDENTIFIER_BYTES:
        name = name[:-1]
    return name + SUFFIX


def _made(policy: Policy, native: str) -> str:
    return assemble(
        _MADE,
        native=literal(native),
        relation=f"{policy.oid}::regclass",
        mark=literal(MARK),
        added_indexes=ADDED_INDEXES,
        taken=refuse(
            literal(f"{native} is needed to build the aggregate beside the emulated one, and there is one"),
            "rename it, or drop it",
        ),
    )


# One that an earlier run has made is filled already.
_MADE = """\
DECLARE
  aggregate jsonb;
  added record;
  held regclass;
  held_schema name;
  zone text := current_setting('TimeZone');
BEGIN
  SELECT config INTO aggregate FROM tsmigrate.policy WHERE relation = {{relation}} AND kind = 'aggregate';
  IF to_regclass({{native}}) IS NOT NULL THEN
    IF obj_description(to_regclass({{native}}), 'pg_class') IS DISTINCT FROM {{mark}} THEN
      {{taken}}
    END IF;
    RETURN;
  END IF;
  PERFORM set_config('TimeZone', 'UTC', true);
  EXECUTE format('CREATE MATERIALIZED VIEW %s WITH (timescaledb.continuous, timescaledb.materialized_only = %s) AS %s '
                 'WITH NO DATA', {{native}}, aggregate ->> 'materialized_only', aggregate ->> 'definition');
  PERFORM set_config('TimeZone', zone, true);
  EXECUTE format('COMMENT ON VIEW %s IS %L', {{native}}, {{mark}});
  FOR added IN {{added_indexes}} LOOP
    EXECUTE format('CREATE INDEX %I ON %s %s', added.name, {{native}}, added.rest);
    SELECT materialization_hypertable_schema INTO held_schema
      FROM timescaledb_information.continuous_aggregates
     WHERE format('%I.%I', view_schema, view_name)::regclass = {{native}}::regclass;
    EXECUTE format('COMMENT ON INDEX %I.%I IS %L', held_schema, added.name, added.comment);
  END LOOP;
  IF aggregate ? 'kept_until' THEN
    SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass INTO held
      FROM timescaledb_information.continuous_aggregates
     WHERE format('%I.%I', view_schema, view_name)::regclass = {{native}}::regclass;
    EXECUTE format(
      'INSERT INTO %s (%4$s) SELECT %4$s FROM tsmigrate.%2$I WHERE %3$I < %5$L::%6$s', held, aggregate ->> 'holder',
      aggregate ->> 'bucket_column',
      (SELECT string_agg(quote_ident(name), ', ' ORDER BY n)
         FROM jsonb_array_elements_text(aggregate -> 'columns') WITH ORDINALITY AS c (name, n)),
      aggregate ->> 'kept_until', aggregate ->> 'type');
  END IF;
END"""


@dataclass(frozen=True)
class _Span:
    """From the first bucket that is held to the end of the last."""

    start: str
    end: str


def _refreshed(connection: Connection, policy: Policy) -> _Span | None:
    """Bring ours in line with the rows, as far as it is filled and no further. None: it holds nothing."""
    config = policy.config
    column, holder = qualified(config["bucket_column"]), f"tsmigrate.{qualified(config['holder'])}"
    connection.execute(raw("SET LOCAL DateStyle = ISO"))
    first, last = connection.execute(raw(f"SELECT min({column})::text, max({column})::text FROM {holder}")).one()
    if last is None:
        connection.rollback()
        return None
    connection.execute(raw(f"SELECT set_config('tsmigrate.at', {literal(last)}, true)"))
    end = connection.execute(raw(f"SELECT ({config['following']})::text")).scalar_one()
    connection.rollback()
    try:
        runner.refreshed(connection, policy, first, end)
    except BlockedError as error:
        if isinstance(error.__cause__, DBAPIError) and error.__cause__.connection_invalidated:
            raise error.__cause__ from None  # no reason that lies in the aggregate
        raise
    return _Span(first, end)


def _fill(connection: Connection, policy: Policy, native: str, span: _Span) -> None:
    """TimescaleDB's from where there are rows; it cannot do that in a transaction."""
    kind = policy.config["type"]
    start = connection.execute(
        raw(
            f"SELECT greatest({literal(span.start)}::{kind}, (config ->> 'kept_until')::{kind}) AS start "
            f"FROM tsmigrate.policy WHERE relation = {policy.oid} AND kind = 'aggregate' "
            f"AND greatest({literal(span.start)}::{kind}, (config ->> 'kept_until')::{kind}) "
            f"< {literal(span.end)}::{kind}"
        )
    ).scalar()
    timescale = connection.execute(raw(f"SELECT {TIMESCALE}")).scalar_one()
    connection.rollback()
    if start is None:
        return
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    try:
        connection.execute(
            raw(
                f"CALL {timescale}.refresh_continuous_aggregate({literal(native)}, {literal(str(start))}::{kind}, "
                f"{literal(span.end)}::{kind})"
            )
        )
    finally:
        if not connection.invalidated:
            connection.rollback()
            driver.autocommit = False


def _differing(connection: Connection, policy: Policy, native: str) -> str:
    """A query: how many rows are in one of the two and not in the other. Sums of floats depend on their order."""
    held = connection.execute(
        raw(
            "SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) "
            "FROM timescaledb_information.continuous_aggregates "
            f"WHERE format('%I.%I', view_schema, view_name)::regclass = {literal(native)}::regclass"
        )
    ).scalar_one()
    ours = f"tsmigrate.{qualified(policy.config['holder'])}"
    columns = connection.execute(
        raw(
            "SELECT string_agg(CASE WHEN atttypid IN ('float4'::regtype, 'float8'::regtype) "
            "THEN format('to_char(%I::float8, ''9.999999999EEEE'')', attname) ELSE format('%I::text', attname) END, "
            f"', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = {literal(ours)}::regclass AND attnum > 0"
        )
    ).scalar_one()
    one, other = f"SELECT ARRAY[{columns}] FROM {ours}", f"SELECT ARRAY[{columns}] FROM {held}"
    return (
        f"SELECT (SELECT count(*) FROM ({one} EXCEPT ALL {other}) AS a) "
        f"+ (SELECT count(*) FROM ({other} EXCEPT ALL {one}) AS b)"
    )


def _swapped(policy: Policy, native: str) -> str:
    if policy.relation is None:
        raise BlockedError(f"{policy.name} is gone")
    name, schema = policy.relation.name, policy.relation.schema
    aside = _beside(f"{name[:40]}_emulated")
    return assemble(
        _SWAPPED,
        find=emulated(find_aggregate(str(policy.relation))),
        given=GIVEN,
        give=give("MATERIALIZED VIEW"),
        options=view_options("relation"),
        native=literal(native),
        name=literal(name),
        schema=literal(schema),
        aside=literal(aside),
        subject=literal(str(policy.relation)),
        take_away=TAKE_AWAY,
        revision=literal(policy.revision),
        operation=literal(policy.operation),
        was=literal(policy.subject),
        other_kind=refuse(
            "format('%s reads the aggregate and is no view, which could be pointed to another', dependent.relation)",
            "drop it, run promote, and make it again",
        ),
    )


# Definitions are read while the name is still ours, and said again when it is the other's.
_SWAPPED = """\
DECLARE
  facts record;
  remembered jsonb;
  view text := {{subject}};
  part record;
  dependent record;
  dependents jsonb;
  path text := current_setting('search_path');
BEGIN
  {{find}}
  {{given}}
  FOR dependent IN
    SELECT DISTINCT c.oid::regclass AS relation, c.relkind FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
      JOIN pg_class c ON c.oid = r.ev_class
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = facts.relation AND c.oid <> facts.relation
  LOOP
    IF dependent.relkind <> 'v' THEN
      {{other_kind}}
    END IF;
  END LOOP;
  PERFORM set_config('search_path', 'pg_catalog', true);
  SELECT coalesce(jsonb_agg(jsonb_build_object(
           'view', relation::text, 'query', pg_get_viewdef(relation),
           'options', {{options}})), '[]')
    INTO dependents
    FROM (SELECT DISTINCT r.ev_class::regclass AS relation FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
           WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = facts.relation
             AND r.ev_class <> facts.relation) AS reads;
  PERFORM set_config('search_path', path, true);
  EXECUTE format('ALTER VIEW %s RENAME TO %I', facts.relation, {{aside}});
  EXECUTE format('ALTER MATERIALIZED VIEW %s RENAME TO %I', {{native}}, {{name}});
  EXECUTE format('COMMENT ON VIEW %s IS NULL', view);
  {{give}}
  PERFORM set_config('search_path', 'pg_catalog', true);
  -- What is replaced loses the options that are not said again.
  FOR part IN SELECT * FROM jsonb_to_recordset(dependents) AS d (view text, query text, options text) LOOP
    EXECUTE format('CREATE OR REPLACE VIEW %s%s AS %s', part.view, part.options, part.query);
  END LOOP;
  PERFORM set_config('search_path', path, true);
  UPDATE tsmigrate.policy SET relation = view::regclass WHERE relation = facts.relation AND kind <> 'aggregate';
  UPDATE tsmigrate.policy SET source = view::regclass WHERE source = facts.relation;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    UPDATE tsmigrate.undo SET definition = definition - 'emulated'
     WHERE revision = {{revision}} AND operation = {{operation}} AND subject = {{was}};
  END IF;
  EXECUTE format('DROP VIEW %I.%I', {{schema}}, {{aside}});
  {{take_away}}
END"""
