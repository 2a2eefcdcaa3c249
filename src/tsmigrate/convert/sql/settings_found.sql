-- What the block changes for itself, in the order in which it is given back: TimescaleDB warns when it keeps fewer
-- chunks in mind than it holds open.
settings text[] := ARRAY(
  SELECT name FROM pg_settings
  WHERE name IN ('search_path', 'application_name', 'lock_timeout', 'default_tablespace', 'check_function_bodies',
                 'maintenance_work_mem', 'jit', 'DateStyle',
                 'max_parallel_maintenance_workers',
                 'timescaledb.max_open_chunks_per_insert', 'timescaledb.max_cached_chunks_per_hypertable')
  ORDER BY name DESC);
callers_settings text[] := ARRAY(
  SELECT current_setting(name) FROM unnest(settings) WITH ORDINALITY AS s (name, place) ORDER BY place);
callers_path text := current_setting('search_path');
