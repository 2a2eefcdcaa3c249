-- Others may have split the chunk, or dropped or compressed it, since the cuts were planned.
SELECT d.column_name AS time_column, r.relforcerowsecurity AS forced, c.is_compressed, times.ends,
       coalesce(d.integer_interval::text, d.time_interval::text) AS interval_before,
       CASE WHEN d.integer_interval IS NULL THEN 'interval' ELSE 'bigint' END AS interval_type,
       CASE d.column_type::regtype::text
         WHEN 'timestamp with time zone' THEN '_timescaledb_functions.to_timestamp(%s)'
         WHEN 'timestamp without time zone' THEN '_timescaledb_functions.to_timestamp_without_timezone(%s)'
         WHEN 'date' THEN '_timescaledb_functions.to_date(%s)' ELSE '%s' END AS moment
INTO facts
FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
JOIN timescaledb_information.dimensions d
  ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, r.relname) AND d.dimension_number = 1
JOIN timescaledb_information.chunks c ON (c.hypertable_schema, c.hypertable_name) = (n.nspname, r.relname)
CROSS JOIN LATERAL (SELECT coalesce(c.range_end_integer, _timescaledb_functions.time_to_internal(c.range_end))) AS times (ends)
WHERE r.oid = target AND to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name)) = chunk;
IF facts.ends IS DISTINCT FROM upper_end OR facts.is_compressed THEN
  RAISE EXCEPTION USING ERRCODE = {{refused}},
    MESSAGE = format('the chunk %s of %s is not what it was when its cuts were planned', chunk_name, table_name),
    HINT = 'Nothing was changed by this cut. Run it again: it looks anew.';
END IF;
