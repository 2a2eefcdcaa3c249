-- Memory for sorting the indexes: half the shared buffers up to 1 GB, or what the server gives anyway. As many workers
-- as half of those that the server has, unless it forbids them.
PERFORM set_config('maintenance_work_mem',
                   greatest(pg_size_bytes(current_setting('maintenance_work_mem')),
                            least(pg_size_bytes(current_setting('shared_buffers')) / 2, 1024 ^ 3)) / 1024 || 'kB', true);
PERFORM set_config(name, greatest(setting::int, current_setting('max_parallel_workers')::int / 2)::text, true)
FROM pg_settings
WHERE name IN ('max_parallel_maintenance_workers', 'max_parallel_workers_per_gather') AND setting <> '0';
-- Rows in no order of time reach all chunks in turn: to open one anew for each row is many times slower.
PERFORM set_config(name, greatest(setting::int, 32767)::text, true)
FROM pg_settings
WHERE name IN ('timescaledb.max_cached_chunks_per_hypertable', 'timescaledb.max_open_chunks_per_insert')
ORDER BY name;
