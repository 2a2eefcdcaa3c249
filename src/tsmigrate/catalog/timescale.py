"""Hypertables with their columnstores and policies, and continuous aggregates, as a database has them. Reads only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from tsmigrate.catalog import extension
from tsmigrate.catalog.deparse import without_end
from tsmigrate.catalog.interval import in_words
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.session import fixed_settings
from tsmigrate.sql import identifier, raw

SpanText = str | int
"""An interval as the server writes it, or a whole number."""


@dataclass(frozen=True)
class Policy:
    """A background job of one of TimescaleDB's kinds. The spans are what its kind has."""

    schedule_interval: str
    after: SpanText | None = None  # of a columnstore or retention policy
    start_offset: SpanText | None = None  # of a refresh policy
    end_offset: SpanText | None = None
    index: str | None = None  # of a reorder policy
    peculiar: str = ""  # what was altered by hand, which declarations do not say


@dataclass(frozen=True)
class Order:
    column: str
    descending: bool
    nulls_first: bool

    def __str__(self) -> str:
        """As `orderby` has it: odd names between double quotes, and nothing that PostgreSQL takes for granted."""
        name = self.column if re.fullmatch(r"[^\s\"',;()]+", self.column) else identifier(self.column)
        nulls = "" if self.nulls_first == self.descending else f" NULLS {'FIRST' if self.nulls_first else 'LAST'}"
        return f"{name}{' DESC' if self.descending else ''}{nulls}"


@dataclass(frozen=True)
class Columnstore:
    """None: TimescaleDB chooses when it compresses."""

    segmentby: tuple[str, ...] | None
    orderby: tuple[Order, ...] | None


@dataclass(frozen=True)
class Hypertable:
    relation: Relation
    column: str
    interval: SpanText
    hash_dimension: tuple[str, int] | None
    integer_now: str | None
    columnstore: Columnstore | None
    columnstore_policy: Policy | None
    retention_policy: Policy | None
    reorder_policy: Policy | None = None
    beyond: tuple[str, ...] = ()  # what it has and declarations do not say
    partition_columns: tuple[str, ...] = ()  # by dimension
    range_columns: tuple[str, ...] = ()  # of them those that chunks are made by ranges of


@dataclass(frozen=True)
class Aggregate:
    relation: Relation
    source: Relation  # the hypertable or the aggregate that it reads
    held_in: Relation
    column: str  # the buckets'
    definition: str  # as the server writes it, every name in full
    materialized_only: bool
    refresh_policy: Policy | None
    retention_policy: Policy | None
    columnstore: Columnstore | None = None
    columnstore_policy: Policy | None = None


@dataclass(frozen=True)
class TimescaleObjects:
    hypertables: Mapping[Relation, Hypertable] = field(default_factory=dict)
    aggregates: Mapping[Relation, Aggregate] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection) -> TimescaleObjects:
        """Those of this database; none where the extension is not created."""
        if not extension.answers(connection):
            return cls()
        with fixed_settings(connection):
            policies = _policies(connection)
            aggregates = {
                (relation := Relation(row.schema, row.name)): _aggregate(relation, row, policies)
                for row in connection.execute(raw(_AGGREGATES))
            }
            hypertables = {
                (relation := Relation(row.schema, row.name)): _hypertable(relation, row, policies)
                for row in connection.execute(raw(_HYPERTABLES))
            }
        return cls(hypertables, aggregates)


# The view of settings does not quote names: the table has them in arrays. The hypertables behind aggregates, and those
# of compressed chunks, which have no dimension, are left out. The function that tells the present is compared by its
# name, as revisions give it.
# Here and below the views are materialized: planned as one with what they are joined to, they take PostgreSQL ten times
# as long.
_HYPERTABLES = """
WITH h AS MATERIALIZED (
    SELECT hypertable_schema, hypertable_name, num_dimensions, compression_enabled, tablespaces
    FROM timescaledb_information.hypertables
    WHERE (hypertable_schema, hypertable_name) NOT IN (
        SELECT materialization_hypertable_schema, materialization_hypertable_name
        FROM timescaledb_information.continuous_aggregates)
), dimension AS MATERIALIZED (
    SELECT * FROM timescaledb_information.dimensions
)
SELECT h.hypertable_schema AS schema, h.hypertable_name AS name, d.column_name::text AS "column",
       d.time_interval::text AS time_interval, d.integer_interval, d.integer_now_func AS integer_now,
       s.column_name::text AS hash_column, s.num_partitions,
       h.compression_enabled AS columnstore, c.segmentby::text[] AS segmentby, c.orderby::text[] AS orderby,
       c.orderby_desc, c.orderby_nullsfirst, h.num_dimensions, h.tablespaces::text AS tablespaces,
       p.partition_columns, p.range_columns
FROM h
JOIN dimension d USING (hypertable_schema, hypertable_name)
JOIN (
  SELECT hypertable_schema, hypertable_name,
         array_agg(column_name::text ORDER BY dimension_number) AS partition_columns,
         array_agg(column_name::text ORDER BY dimension_number) FILTER (WHERE num_partitions IS NULL) AS range_columns
  FROM dimension GROUP BY 1, 2
) AS p USING (hypertable_schema, hypertable_name)
LEFT JOIN dimension s
  ON (s.hypertable_schema, s.hypertable_name, s.dimension_number) = (h.hypertable_schema, h.hypertable_name, 2)
 AND s.num_partitions IS NOT NULL
LEFT JOIN _timescaledb_catalog.compression_settings c
  ON c.relid = format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
WHERE d.dimension_number = 1
ORDER BY h.hypertable_schema COLLATE "C", h.hypertable_name COLLATE "C"
"""

_AGGREGATES = """
WITH a AS MATERIALIZED (
    SELECT * FROM timescaledb_information.continuous_aggregates
), d AS MATERIALIZED (
    SELECT * FROM timescaledb_information.dimensions WHERE dimension_number = 1
)
SELECT a.view_schema AS schema, a.view_name AS name, a.materialized_only, a.compression_enabled AS columnstore,
       coalesce(b.view_schema, a.hypertable_schema) AS source_schema,
       coalesce(b.view_name, a.hypertable_name) AS source_name,
       a.materialization_hypertable_schema AS held_schema, a.materialization_hypertable_name AS held_name,
       d.column_name::text AS held_column, a.view_definition AS definition,
       c.segmentby::text[] AS segmentby, c.orderby::text[] AS orderby, c.orderby_desc, c.orderby_nullsfirst
FROM a
LEFT JOIN a b
  ON (b.materialization_hypertable_schema, b.materialization_hypertable_name) =
     (a.hypertable_schema, a.hypertable_name)
JOIN _timescaledb_catalog.hypertable h
  ON (h.schema_name, h.table_name) = (a.materialization_hypertable_schema, a.materialization_hypertable_name)
JOIN d ON (d.hypertable_schema, d.hypertable_name) = (h.schema_name, h.table_name)
LEFT JOIN _timescaledb_catalog.compression_settings c
  ON c.relid = format('%I.%I', h.schema_name, h.table_name)::regclass
ORDER BY h.id
"""

# Up to 2.2x the view names the hypertable behind an aggregate. Jobs below 1000 are the extension's own.
_POLICIES = """
WITH a AS MATERIALIZED (
    SELECT view_schema, view_name, materialization_hypertable_schema, materialization_hypertable_name
    FROM timescaledb_information.continuous_aggregates
)
SELECT coalesce(a.view_schema, j.hypertable_schema) AS schema, coalesce(a.view_name, j.hypertable_name) AS name,
       proc_name AS kind, schedule_interval::text AS schedule_interval, config::text AS config,
       concat_ws(', ', CASE WHEN NOT scheduled THEN 'paused' END,
                       CASE WHEN fixed_schedule THEN 'on a fixed schedule' END,
                       CASE WHEN max_retries <> -1 THEN format('%s retries', max_retries) END,
                       'by when chunks were made: ' || coalesce(config ->> 'drop_created_before',
                                                                config ->> 'compress_created_before')) AS peculiar
FROM timescaledb_information.jobs j
LEFT JOIN a
  ON (a.materialization_hypertable_schema, a.materialization_hypertable_name) =
     (j.hypertable_schema, j.hypertable_name)
WHERE j.job_id >= 1000 AND j.hypertable_name IS NOT NULL
"""

COLUMNSTORE_POLICY = "policy_compression"
RETENTION_POLICY = "policy_retention"
REFRESH_POLICY = "policy_refresh_continuous_aggregate"
REORDER_POLICY = "policy_reorder"

_Policies = Mapping[tuple[Relation, str], Policy]


def _policies(connection: Connection) -> _Policies:
    return {(Relation(row.schema, row.name), row.kind): _policy(row) for row in connection.execute(raw(_POLICIES))}


def _policy(row: Any) -> Policy:
    config = json.loads(row.config)
    return Policy(
        schedule_interval=in_words(row.schedule_interval),
        after=_span(config.get("compress_after", config.get("drop_after"))),
        start_offset=_span(config.get("start_offset")),
        end_offset=_span(config.get("end_offset")),
        index=config.get("index_name"),
        peculiar=row.peculiar,
    )


def _hypertable(relation: Relation, row: Any, policies: _Policies) -> Hypertable:
    return Hypertable(
        relation=relation,
        column=row.column,
        interval=row.integer_interval if row.time_interval is None else in_words(row.time_interval),
        hash_dimension=(row.hash_column, row.num_partitions) if row.hash_column else None,
        integer_now=row.integer_now,
        columnstore=_columnstore(row) if row.columnstore else None,
        columnstore_policy=policies.get((relation, COLUMNSTORE_POLICY)),
        retention_policy=policies.get((relation, RETENTION_POLICY)),
        reorder_policy=policies.get((relation, REORDER_POLICY)),
        beyond=tuple(_beyond(row)),
        partition_columns=tuple(row.partition_columns),
        range_columns=tuple(row.range_columns),
    )


def _beyond(row: Any) -> list[str]:
    known = 2 if row.hash_column else 1
    return [f"{row.num_dimensions} dimensions"] * (row.num_dimensions > known) + (
        [f"the tablespaces {row.tablespaces}"] if row.tablespaces else []
    )


def _columnstore(row: Any) -> Columnstore:
    order = None
    if row.orderby is not None:
        order = tuple(map(Order, row.orderby, row.orderby_desc, row.orderby_nullsfirst))
    return Columnstore(None if row.segmentby is None else tuple(row.segmentby), order)


def _aggregate(relation: Relation, row: Any, policies: _Policies) -> Aggregate:
    return Aggregate(
        relation=relation,
        source=Relation(row.source_schema, row.source_name),
        held_in=Relation(row.held_schema, row.held_name),
        column=row.held_column,
        definition=without_end(row.definition),
        materialized_only=row.materialized_only,
        refresh_policy=policies.get((relation, REFRESH_POLICY)),
        retention_policy=policies.get((relation, RETENTION_POLICY)),
        columnstore=_columnstore(row) if row.columnstore else None,
        columnstore_policy=policies.get((relation, COLUMNSTORE_POLICY)),
    )


def _span(value: object) -> SpanText | None:
    """As a job's config has it."""
    return in_words(value) if isinstance(value, str) else value if isinstance(value, int) else None
