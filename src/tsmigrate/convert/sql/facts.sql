SELECT c.relkind, c.relpersistence, c.relforcerowsecurity, c.reloftype, c.relname, s.nspname, s.oid AS schema,
       pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner,
       a.attnum, a.attnotnull, a.attgenerated, t.typname AS time_type, t.typtype, format_type(a.atttypid, NULL) AS type,
       coalesce(t.typtype = 'b' AND t.typname IN ('date', 'timestamp', 'timestamptz', 'int2', 'int4', 'int8'), false) AS is_time,
       CASE WHEN t.typname LIKE 'int%' THEN 'true' ELSE 'isfinite(' || quote_ident(a.attname) || ')' END AS time_is_finite,
       CASE WHEN t.typname LIKE 'int%' THEN '(%s)::numeric' ELSE 'extract(epoch FROM %s)' END AS time_as_number,
       h.attnum AS hash_attnum,
       n.nspname AS extension_schema,
       string_to_array(substring(e.extversion FROM '^[0-9.]+'), '.')::int[] AS extension_version,
       EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') AS preloaded,
       -- Reading, moving or dropping a chunk locks it with its indexes, its TOAST table and that one's index.
       1 + CASE WHEN c.reltoastrelid <> 0
                     OR EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
                                WHERE p.reltoastrelid <> 0) THEN 2 ELSE 0 END
         + (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) AS locks_a_chunk,
       transactions, transactions * current_setting('max_locks_per_transaction')::int AS lock_room
FROM (SELECT target, current_setting('max_connections')::bigint
                     + current_setting('max_prepared_transactions')::int) AS wanted (table_oid, transactions)
LEFT JOIN pg_class c ON c.oid = wanted.table_oid
LEFT JOIN pg_namespace s ON s.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = time_column AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attribute h ON h.attrelid = c.oid AND h.attname = hash_column AND h.attnum > 0 AND NOT h.attisdropped
LEFT JOIN pg_extension e ON e.extname = 'timescaledb'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
