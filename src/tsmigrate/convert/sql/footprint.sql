-- What a table is on disk, with its chunks or partitions, and whether a piece of it may be tried out.
SELECT c.oid::regclass::text AS table, sums.heap, sums.whole, sums.indexes,
       EXISTS (SELECT FROM pg_extension JOIN pg_settings ON name = 'timescaledb.license' AND setting = 'timescale'
               WHERE extname = 'timescaledb'
                 AND string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] >= {{attach_since}}) AS may_attach,
       EXISTS (SELECT FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indkey[0] = a.attnum
               WHERE a.attrelid = c.oid AND a.attname = {{column}} AND i.indnatts = 1) AS indexed,
       EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = {{column}} AND NOT attnotnull) AS nullable,
       sums.others,
       c.relpersistence = 'u' OR current_setting('wal_level') = 'minimal' AS without_log,
       current_setting('block_size')::int AS page_size,
       pg_database_size(current_database()) AS database_size,
       sums.largest,
       -- TimescaleDB's event trigger ends the connection of a server that does not preload it. In an index's expression a
       -- function would run with our rights instead of the owner's.
       NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool
         AND has_database_privilege(current_database(), 'TEMPORARY')
         AND has_table_privilege(sums.largest, 'SELECT')
         AND (NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
              OR EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers'))
         AND (pg_get_userbyid(c.relowner) = current_user
              OR NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND (indexprs IS NOT NULL OR indpred IS NOT NULL)))
         AS may_probe,
       -- As tell_index.sql writes their names.
       ARRAY(SELECT regexp_replace(quote_ident(relname), '[^ -~]', '?', 'g') FROM pg_index JOIN pg_class i ON i.oid = indexrelid
             WHERE indrelid = c.oid ORDER BY indexrelid) AS index_names,
       ARRAY(SELECT pg_relation_size(indexrelid) FROM pg_index WHERE indrelid = c.oid ORDER BY indexrelid) AS index_sizes
FROM pg_class c
CROSS JOIN LATERAL (
  SELECT sum(heap)::bigint AS heap, sum(pg_table_size(part))::bigint AS whole,
         sum(pg_indexes_size(part))::bigint AS indexes, (array_agg(part::oid ORDER BY heap DESC))[1] AS largest,
         coalesce(sum(pg_table_size(part)) FILTER (WHERE part <> c.oid AND part IS DISTINCT FROM to_regclass(nullif({{attached}}, ''))), 0)::bigint AS others
  FROM (SELECT part, pg_relation_size(part) AS heap
        FROM (SELECT c.oid::regclass
              UNION SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = c.oid
              UNION SELECT relid FROM pg_partition_tree(c.oid)) AS p (part)) AS parts
) AS sums
WHERE c.oid = {{relation}} AND c.relkind IN ('r', 'p')
