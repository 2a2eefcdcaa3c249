"""Retention: the chunks of a hypertable, or the buckets of an emulated aggregate, whose rows are all old enough."""

from __future__ import annotations

from tsmigrate.plpgsql import TIMESCALE, assemble
from tsmigrate.policies.present import ago
from tsmigrate.policies.windows import floor

CHUNKS_AT_ONCE = 50
"""Each takes locks of its own until the transaction ends, and one by one they leave a big backlog to a small server."""


def drop(relation: str) -> str:
    """Drop what is too old, some chunks at a time; what was done, and if there `is_more`, is in `tsmigrate.done`.

    A hypertable's rows go by the chunk, as TimescaleDB's own policy drops them. `relation` is an expression.
    """
    return assemble(
        _DROP,
        relation=relation,
        timescale=TIMESCALE,
        chunks_at_once=str(CHUNKS_AT_ONCE),
        cutoff=ago(relation, "(policy.config ->> 'drop_after')", "cutoff"),
        bound=floor("cutoff", "cutoff"),
    )


_DROP = """\
DECLARE
  policy record;
  aggregate jsonb;
  cutoff text;
  upto text;
  dropped bigint := 0;
  is_more boolean := false;
  of_type regtype;
  of_numbers boolean;
  path text := pg_catalog.current_setting('search_path');
  style text := pg_catalog.current_setting('datestyle');
BEGIN
  PERFORM set_config('datestyle', 'ISO', true), set_config('search_path', 'pg_catalog', true);
  SELECT p.config, a.config AS aggregate, n.nspname AS schema, c.relname AS name INTO policy
    FROM tsmigrate.policy p
    JOIN pg_class c ON c.oid = p.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN tsmigrate.policy a ON a.relation = p.relation AND a.kind = 'aggregate'
   WHERE p.relation = {{relation}} AND p.kind = 'retention';
  aggregate := policy.aggregate;
  {{cutoff}}
  IF aggregate IS NOT NULL THEN
    {{bound}}
    EXECUTE format('DELETE FROM tsmigrate.%I WHERE %I < %L::%s', aggregate ->> 'holder', aggregate ->> 'bucket_column',
                   cutoff, aggregate ->> 'type');
    GET DIAGNOSTICS dropped = ROW_COUNT;
  ELSE
    EXECUTE format(
      'SELECT until::text FROM (SELECT DISTINCT (%1$s)::%2$s AS until FROM timescaledb_information.chunks c '
      '                          WHERE c.hypertable_schema = %3$L AND c.hypertable_name = %4$L) AS chunks '
      ' WHERE until < %5$L::%2$s ORDER BY until OFFSET {{chunks_at_once}} - 1 LIMIT 1',
      CASE WHEN of_numbers THEN 'c.range_end_integer'
           WHEN of_type = 'timestamp with time zone'::regtype THEN 'c.range_end'
           ELSE 'c.range_end AT TIME ZONE ''UTC''' END, of_type, policy.schema, policy.name, cutoff) INTO upto;
    is_more := upto IS NOT NULL;
    EXECUTE format('SELECT count(*) FROM %s.drop_chunks($1, older_than => %L::%s)',
                   {{timescale}},
                   coalesce(upto, cutoff), of_type) INTO dropped USING {{relation}};
  END IF;
  IF dropped > 0 THEN
    UPDATE tsmigrate.policy
       SET config = config || jsonb_build_object('dropped', coalesce((config ->> 'dropped')::bigint, 0) + dropped)
     WHERE relation = {{relation}} AND kind = 'retention';
  END IF;
  PERFORM set_config('datestyle', style, true), set_config('search_path', path, true),
          set_config('tsmigrate.done', jsonb_build_object(
            'older_than', cutoff, CASE WHEN aggregate IS NULL THEN 'chunks_dropped' ELSE 'rows_dropped' END, dropped,
            'is_more', is_more)::text, true);
END;"""
