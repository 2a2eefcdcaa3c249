PERFORM set_config('search_path', callers_path, true);
-- Rows in no order of time reach all chunks in turn: to open one anew for each row is many times slower.
PERFORM set_config(name, greatest(setting::int, 32767)::text, true)
FROM pg_settings
WHERE name IN ('timescaledb.max_cached_chunks_per_hypertable', 'timescaledb.max_open_chunks_per_insert')
ORDER BY name;
-- The call that 2.19 and its successors share; by_hash() of the newer one wants an empty table.
EXECUTE format(
  'SELECT FROM %I.create_hypertable($1, $2, $3, $4, chunk_time_interval => $5::%s,
                                    create_default_indexes => $6, migrate_data => $7)',
  extension_schema, CASE WHEN is_integer_interval THEN 'bigint' ELSE 'interval' END)
USING target, time_column, hash_column, hash_partitions, wanted_interval,
      default_indexes AND rebuilding = '{}', migrate;
PERFORM set_config(name, value, true) FROM unnest(settings, callers_settings) AS s (name, value)
WHERE name LIKE 'timescaledb.%' ORDER BY name DESC;
IF now_function IS NOT NULL THEN
  EXECUTE format('SELECT %I.set_integer_now_func($1, $2)', extension_schema) USING target, to_regproc(now_function);
END IF;
