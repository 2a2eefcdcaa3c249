SELECT max(d.column_name::text) FILTER (WHERE c.oid = $1) AS already_on, array_agg(c.oid) AS hypertables
FROM timescaledb_information.dimensions d
JOIN pg_namespace n ON n.nspname = d.hypertable_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.hypertable_name
WHERE d.dimension_number = 1
