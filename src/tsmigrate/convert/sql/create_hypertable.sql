PERFORM set_config('search_path', callers_path, true);
-- The call that 2.19 and its successors share; by_hash() of the newer one wants an empty table.
EXECUTE format(
  'SELECT FROM %I.create_hypertable($1, $2, $3, $4, chunk_time_interval => $5::%s,
                                    create_default_indexes => $6, migrate_data => $7)',
  extension_schema, CASE WHEN is_integer_interval THEN 'bigint' ELSE 'interval' END)
USING target, time_column, hash_column, hash_partitions, wanted_interval,
      default_indexes AND rebuilding = '{}', migrate;
IF now_function IS NOT NULL THEN
  EXECUTE format('SELECT %I.set_integer_now_func($1, $2)', extension_schema) USING target, to_regproc(now_function);
END IF;
