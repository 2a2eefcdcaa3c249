-- Asked before anything is locked.
IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
  reasons := ARRAY['this database has no TimescaleDB'];
  mends := ARRAY['Use the operation create_timescaledb_extension.'];
ELSIF NOT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') THEN
  reasons := ARRAY['the server does not preload TimescaleDB'];
  mends := ARRAY['Add timescaledb to shared_preload_libraries and restart.'];
ELSIF (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < {{attach_since}} THEN
  reasons := ARRAY[format('attaching needs %s, and this server has TimescaleDB %s', {{attach_needs}},
                          (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'))];
  mends := ARRAY['Upgrade TimescaleDB, or say method=''copy''.'];
ELSIF NOT _timescaledb_functions.tsl_loaded() THEN
  reasons := ARRAY[format('attaching needs %s, and this server has the Apache-2 edition', {{attach_needs}})];
  mends := ARRAY['Use a server with the Community edition, or say method=''copy''.'];
END IF;
