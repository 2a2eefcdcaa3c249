SELECT h.oid::bigint AS oid, d.column_name AS column_name, coalesce(d.time_interval::text, d.integer_interval::text, '') AS interval,
       h.chunks::bigint AS chunks, coalesce(newest.bytes, 0)::bigint AS newest_index_bytes,
       extract(epoch FROM d.time_interval)::float8 AS seconds, newest.seconds::float8 AS newest_seconds, h.columnstore
FROM (SELECT format('%I.%I', hypertable_schema, hypertable_name)::regclass::oid AS oid, hypertable_schema,
             hypertable_name, num_chunks AS chunks, compression_enabled AS columnstore
      FROM timescaledb_information.hypertables) AS h
JOIN timescaledb_information.dimensions d USING (hypertable_schema, hypertable_name)
LEFT JOIN (
  SELECT hypertable_schema, hypertable_name, sum(indexes.bytes) AS bytes, avg(extract(epoch FROM range_end - range_start)) AS seconds
  FROM (SELECT hypertable_schema, hypertable_name, format('%I.%I', chunk_schema, chunk_name)::regclass AS chunk,
               range_start, range_end,
               row_number() OVER (PARTITION BY hypertable_schema, hypertable_name
                                  ORDER BY range_end DESC NULLS LAST, range_end_integer DESC NULLS LAST) AS place
        FROM timescaledb_information.chunks) AS chunks
  CROSS JOIN LATERAL (SELECT sum(x.relpages::bigint * current_setting('block_size')::int) AS bytes
                      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = chunks.chunk) AS indexes
  WHERE place <= 2
  GROUP BY 1, 2
) AS newest USING (hypertable_schema, hypertable_name)
WHERE d.dimension_number = 1
