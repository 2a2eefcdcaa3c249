"""What the blocks of the operations ask of the catalogs: the record `facts`, and what is found with its help."""

from __future__ import annotations

from tsmigrate.catalog.timescale import COLUMNSTORE_POLICY, REORDER_POLICY, RETENTION_POLICY
from tsmigrate.plpgsql import assemble, refuse, require_table
from tsmigrate.sql import literal


def find_hypertable(subject: str, mend: str = "convert it first: op.create_hypertable") -> str:
    """Read what is known of the table into the record `facts`, or refuse where it is no hypertable."""
    return _find(subject, "h.hypertable_name IS NOT NULL", "a hypertable", mend)


def find_aggregate(subject: str) -> str:
    """Read what is known of the continuous aggregate into the record `facts`, or refuse where it is none."""
    return _find(
        subject, "a.view_name IS NOT NULL", "a continuous aggregate", "correct the name in the revision, or create it"
    )


def find_hypertable_or_aggregate(subject: str) -> str:
    """Read what is known of either into the record `facts`, or refuse where it is neither."""
    return _find(
        subject,
        "(h.hypertable_name IS NOT NULL OR a.view_name IS NOT NULL)",
        "a hypertable or a continuous aggregate",
        "correct the name in the revision, or convert the table first: op.create_hypertable",
    )


def _find(subject: str, condition: str, wanted: str, mend: str) -> str:
    """An aggregate's rows are in a hypertable of its own, its holder; a hypertable is its own holder."""
    return assemble(
        """
        {{require_table}}
        -- Apart from each other: planned as one, the views take PostgreSQL several times as long.
        WITH c AS MATERIALIZED (
          SELECT c.oid, n.nspname, c.relname, c.relrowsecurity, c.relowner
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.oid = {{subject}}::regclass
        ), h AS MATERIALIZED (
          SELECT hypertable_name, compression_enabled
            FROM timescaledb_information.hypertables
           WHERE (hypertable_schema, hypertable_name) = (SELECT nspname, relname FROM c)
        ), a AS MATERIALIZED (
          SELECT view_name, view_definition, hypertable_schema, hypertable_name, compression_enabled,
                 materialization_hypertable_schema, materialization_hypertable_name
            FROM timescaledb_information.continuous_aggregates
           WHERE (view_schema, view_name) = (SELECT nspname, relname FROM c)
        ), d AS MATERIALIZED (
          SELECT hypertable_schema, hypertable_name, column_name, column_type, integer_now_func
            FROM timescaledb_information.dimensions
           WHERE dimension_number = 1
        )
        SELECT c.oid::regclass AS relation, c.nspname AS schema, c.relname AS name, c.relrowsecurity AS row_security,
               c.relowner::regrole AS owner, o.rolcanlogin AS owner_logs_in, pg_has_role(o.oid, 'USAGE') AS owned,
               a.view_name IS NOT NULL AS is_aggregate, a.view_definition AS definition,
               a.hypertable_schema AS source_schema, a.hypertable_name AS source_name,
               d.hypertable_schema AS holder_schema, d.hypertable_name AS holder_name,
               coalesce(h.compression_enabled, a.compression_enabled) AS columnstore,
               d.column_name::text AS partition_column, d.column_type::text AS partition_type, t.by_number,
               CASE WHEN t.by_number THEN d.column_type::text ELSE 'interval' END AS span_type,
               d.integer_now_func AS integer_now
          INTO facts
          FROM c
          JOIN pg_roles o ON o.oid = c.relowner
          LEFT JOIN h ON true
          LEFT JOIN a ON true
          JOIN d
            ON d.hypertable_schema = coalesce(a.materialization_hypertable_schema, c.nspname)
           AND d.hypertable_name = coalesce(a.materialization_hypertable_name, c.relname)
          CROSS JOIN LATERAL (SELECT d.column_type IN ('smallint'::regtype, 'integer', 'bigint')) AS t (by_number)
         WHERE {{condition}};
        IF NOT FOUND THEN
          {{not_it}}
        END IF;
        """,
        require_table=require_table(subject),
        subject=literal(subject),
        condition=condition,
        not_it=refuse(literal(f"{subject} is not {wanted}"), mend),
    )


OF_HOLDER = "(hypertable_schema, hypertable_name) = (facts.holder_schema, facts.holder_name)"
"""A condition on a view of timescaledb_information: what belongs to the rows."""

HOLDER = "format('%I.%I', facts.holder_schema, facts.holder_name)"
"""An expression: the name of the hypertable that has the rows."""

ON_IT = "(hypertable_schema, hypertable_name) IN ((facts.holder_schema, facts.holder_name), (facts.schema, facts.name))"
"""A condition on timescaledb_information.jobs. Up to 2.2x it names the hypertable behind an aggregate, later the
aggregate."""


def policy(*names: str) -> str:
    """A condition on timescaledb_information.jobs: the policies on it of these names."""
    return f"{ON_IT} AND proc_name IN ({', '.join(map(literal, names))}) AND job_id >= 1000"


POLICIES_TO_PAUSE = policy(COLUMNSTORE_POLICY, RETENTION_POLICY, REORDER_POLICY)
"""A condition on timescaledb_information.jobs: the policies that would meddle with chunks."""

COMPRESSED_CHUNKS = f"""\
SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks
 WHERE {OF_HOLDER} AND is_compressed"""
"""A query: the chunks that are in the columnstore."""

LOCKS_TO_ALTER = """\
SELECT count(*) + coalesce(sum((SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
                               + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END), 0)
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = facts.relation"""
"""A query: how many locks an ALTER TABLE takes that concerns every chunk."""

LOCKS_TO_DECOMPRESS = f"""\
SELECT coalesce(sum(5 + (SELECT count(*) FROM pg_index WHERE indrelid = c.chunk::regclass)), 0)
  FROM ({COMPRESSED_CHUNKS}) AS c"""
"""A query: how many locks it takes to decompress all chunks: each with its indexes, and what it was compressed into."""
