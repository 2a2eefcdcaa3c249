WITH held AS MATERIALIZED (
  SELECT l.relation FROM pg_locks l
   WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND l.mode = 'AccessExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()
)
SELECT c.hypertable_schema AS schema, c.hypertable_name AS name, c.range_start_integer, c.range_end_integer,
       extract(epoch FROM c.range_start)::float8 AS since, extract(epoch FROM c.range_end)::float8 AS until,
       extract(epoch FROM c.chunk_creation_time)::float8 AS created, c.is_compressed, r.reltuples::float8 AS rows,
       1 + (SELECT count(*) FROM pg_index i WHERE i.indrelid = r.oid)
         + CASE WHEN r.reltoastrelid <> 0 THEN 2 ELSE 0 END AS locks,
       size.total::bigint AS total, size.indexes::bigint AS indexes, size.toast::bigint AS toast
FROM timescaledb_information.chunks c
JOIN pg_namespace n ON n.nspname = c.chunk_schema
JOIN pg_class r ON r.relname = c.chunk_name AND r.relnamespace = n.oid
LEFT JOIN _timescaledb_catalog.compression_settings s ON s.relid = r.oid AND s.compress_relid IS NOT NULL
CROSS JOIN LATERAL (
  SELECT sum(pg_total_relation_size(part.oid)) AS total, sum(pg_indexes_size(part.oid)) AS indexes,
         sum(CASE WHEN part.reltoastrelid <> 0 THEN pg_total_relation_size(part.reltoastrelid) ELSE 0 END) AS toast
  FROM pg_class part
  WHERE part.oid IN (r.oid, s.compress_relid)
    -- Asking for a size locks a table for a moment, as a reader does: it would wait for whoever holds it.
    AND NOT EXISTS (SELECT FROM held WHERE held.relation IN (r.oid, s.compress_relid))
) AS size
