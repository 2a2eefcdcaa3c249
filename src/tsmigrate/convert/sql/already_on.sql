SELECT column_name FROM timescaledb_information.dimensions
WHERE dimension_number = 1
  AND (hypertable_schema, hypertable_name) = (SELECT n.nspname, c.relname FROM pg_class c
                                              JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)
