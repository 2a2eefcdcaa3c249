"""Which buckets of a continuous aggregate the rows below it can no longer give."""

from __future__ import annotations

from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal

CREATE = "create_continuous_aggregate"


def find_lost_buckets(
    subject: str, *, created_at: str = "NULL", since: str = "NULL", until: str = "NULL", changes_are_lost: bool
) -> str:
    """Count them into the record `lost`: `whole` without any chunk below them, `partly` what would come out otherwise.

    `facts` is the aggregate, which was made at `created_at`; `since` and `until`, expressions of the type text, limit
    the search to the buckets between them. Only buckets are compared with what the rows give that a missing chunk cuts,
    or that lie on a chunk that was made after the aggregate and after its own time was over, as late rows make one in
    place of a dropped one. Such a bucket may also have changed; if `changes_are_lost` is false it counts only when
    there is nothing left of it. A row that was deleted from a chunk that stays is not looked for.
    """
    return assemble(
        _FIND,
        created=_look_up(subject),
        created_at=created_at,
        since=since,
        until=until,
        changes_are_lost=str(changes_are_lost).lower(),
    )


def _look_up(subject: str) -> str:
    """What the revision that created it, whichever that was, remembers of it."""
    return assemble(
        """
        IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
          SELECT definition INTO created FROM tsmigrate.undo
           WHERE operation = {{operation}} AND subject = {{subject}} LIMIT 1;
        END IF;
        """,
        operation=literal(CREATE),
        subject=literal(subject),
    )


def told_lost(subject: str) -> str:
    """An expression: what was found in `lost`, which has some."""
    return (
        "format('%s of the buckets of %s have no rows below them any more%s, and %s would come out otherwise', "
        f"lost.whole, {literal(subject)}, ' (' || lost.first || ' to ' || lost.last || ')', lost.partly)"
    )


# Everything is in TimescaleDB's internal numbers: microseconds, or what the partition column counts. An aggregate below
# answers from its own rows up to its watermark, and above it from what is below it in turn, if it reads in real time.
_FIND = """\
DECLARE
  held regclass := format('%I.%I', facts.holder_schema, facts.holder_name)::regclass;
  bucket_end text;
  columns text;
  compared record;
  covered int8multirange;
  open_ended int8multirange;
  doubtful int8multirange;
  created jsonb;
BEGIN
  {{created}}
  -- The view by itself: planned as one with the rest, it takes PostgreSQL longer.
  WITH RECURSIVE known AS MATERIALIZED (
    SELECT materialization_hypertable_schema AS held_schema, materialization_hypertable_name AS held_name,
           hypertable_schema AS source_schema, hypertable_name AS source_name, materialized_only
      FROM timescaledb_information.continuous_aggregates
  ), filled AS MATERIALIZED (
    SELECT k.*, h.id
      FROM known k
      JOIN _timescaledb_catalog.hypertable h ON (h.schema_name, h.table_name) = (k.held_schema, k.held_name)
  ), source (schema, name, above) AS (
    SELECT facts.source_schema, facts.source_name, NULL::bigint
    UNION ALL
    SELECT a.source_schema, a.source_name, greatest(s.above, _timescaledb_functions.cagg_watermark(a.id))
      FROM source s
      JOIN filled a ON (a.held_schema, a.held_name) = (s.schema, s.name)
     WHERE NOT a.materialized_only
  ), chunk AS (
    SELECT int8range(coalesce(c.range_start_integer, _timescaledb_functions.time_to_internal(c.range_start)),
                     coalesce(c.range_end_integer, _timescaledb_functions.time_to_internal(c.range_end)))
             * int8range(s.above, (SELECT _timescaledb_functions.cagg_watermark(a.id) FROM filled a
                                    WHERE (a.held_schema, a.held_name) = (s.schema, s.name))) AS span,
           c.chunk_creation_time > coalesce({{created_at}}, (created ->> 'at')::timestamptz, '-infinity')
             AND (c.range_end IS NULL OR c.chunk_creation_time > c.range_end) AS late
      FROM source s
      JOIN timescaledb_information.chunks c ON (c.hypertable_schema, c.hypertable_name) = (s.schema, s.name)
  )
  SELECT coalesce(range_agg(span), '{}'),
         coalesce(range_agg(span) + int8multirange(int8range(max(upper(span)), NULL)), '{}'),
         coalesce(range_agg(span) FILTER (WHERE late), '{}')
    INTO covered, open_ended, doubtful
    FROM chunk
   WHERE NOT isempty(span);

  SELECT CASE WHEN facts.by_number THEN format('bucket::bigint + %L::bigint', i.bucket_width)
              WHEN facts.partition_type = 'timestamp with time zone' THEN
                format('((bucket AT TIME ZONE %1$L) + %2$L::interval) AT TIME ZONE %1$L',
                       coalesce(i.bucket_timezone, 'UTC'), i.bucket_width)
              ELSE format('(bucket + %L::interval)::timestamp', i.bucket_width) END
    INTO bucket_end
    FROM _timescaledb_catalog.hypertable h, _timescaledb_functions.cagg_get_bucket_function_info(h.id) i
   WHERE (h.schema_name, h.table_name) = (facts.holder_schema, facts.holder_name);

  EXECUTE format(
    'SELECT count(*) FILTER (WHERE NOT span && $1) AS whole, 0::bigint AS partly, '
    '       (min(bucket) FILTER (WHERE NOT span && $1))::text AS first, '
    '       (max(bucket) FILTER (WHERE NOT span && $1))::text AS last, '
    '       array_agg(bucket::text ORDER BY bucket) FILTER (WHERE span && $1 AND NOT span <@ $2) AS cut, '
    '       array_agg(bucket::text ORDER BY bucket) FILTER (WHERE span <@ $2 AND span && $3) AS late '
    '  FROM (SELECT bucket, int8range(_timescaledb_functions.time_to_internal(bucket), '
    '                                 _timescaledb_functions.time_to_internal(%1$s)) AS span '
    '          FROM (SELECT DISTINCT %2$I AS bucket FROM %3$s) AS held) AS spans '
    ' WHERE ($4 IS NULL OR bucket >= $4::%4$s) AND ($5 IS NULL OR %1$s <= $5::%4$s)',
    bucket_end, facts.partition_column, held, facts.partition_type)
    INTO lost USING covered, open_ended, doubtful, {{since}}::text, {{until}}::text;

  -- Sums of floating point numbers depend on their order; what has no equality is compared as it is written.
  SELECT string_agg(CASE WHEN atttypid IN ('float4'::regtype, 'float8'::regtype)
                         THEN format('to_char(%I::float8, ''9.999999999EEEE'')', attname)
                         ELSE format('%I::text', attname) END, ', ' ORDER BY attnum)
    INTO columns
    FROM pg_attribute WHERE attrelid = facts.relation AND attnum > 0 AND NOT attisdropped;
  FOR compared IN
    SELECT buckets, buckets[1] AS first, buckets[cardinality(buckets)] AS last, whether_it_changed
      FROM (VALUES (lost.cut, true), (lost.late, {{changes_are_lost}})) AS c (buckets, whether_it_changed)
     WHERE buckets IS NOT NULL
  LOOP
    EXECUTE format(
      'SELECT $2 + count(DISTINCT bucket) FROM ('
      '  SELECT %1$I, ARRAY[%2$s] FROM %3$s WHERE %1$I = ANY ($1::%4$s[]) '
      '  EXCEPT '
      '  SELECT %1$I, ARRAY[%2$s] FROM (%5$s) AS given '
      '   WHERE %1$I >= %6$L AND %1$I <= %7$L AND %1$I = ANY ($1::%4$s[])'
      ') AS different (bucket, facts)',
      facts.partition_column, CASE WHEN compared.whether_it_changed THEN columns ELSE 'NULL' END, held,
      facts.partition_type, rtrim(facts.definition, E'; \\n'), compared.first, compared.last)
      INTO lost.partly USING compared.buckets, lost.partly;
  END LOOP;
END;"""
