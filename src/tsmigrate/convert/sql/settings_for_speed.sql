-- Compiling the queries takes longer than it saves.
PERFORM set_config('jit', 'off', true);
-- Memory for sorting the indexes: half the shared buffers up to 1 GB, or what the server gives anyway. As many workers
-- as half of those that the server has, unless it forbids them. Not more for reading: each takes the locks of all chunks.
PERFORM set_config('maintenance_work_mem',
                   greatest(pg_size_bytes(current_setting('maintenance_work_mem')),
                            least(pg_size_bytes(current_setting('shared_buffers')) / 2, 1024 ^ 3)) / 1024 || 'kB', true);
PERFORM set_config(name, greatest(setting::int, current_setting('max_parallel_workers')::int / 2)::text, true)
FROM pg_settings WHERE name = 'max_parallel_maintenance_workers' AND setting <> '0';
