SELECT d.hypertable_schema AS schema, d.hypertable_name AS name, d.column_name AS column, d.column_type::text AS type,
       coalesce(d.time_interval::text, d.integer_interval::text) AS interval, d.num_partitions AS partitions,
       coalesce(h.compression_enabled, false) AS columnstore
FROM timescaledb_information.dimensions d
LEFT JOIN timescaledb_information.hypertables h USING (hypertable_schema, hypertable_name)
ORDER BY d.hypertable_schema COLLATE "C", d.hypertable_name COLLATE "C", d.dimension_number
