SELECT a.view_schema AS schema, a.view_name AS name, a.materialized_only,
       coalesce(b.view_schema, a.hypertable_schema) AS source_schema,
       coalesce(b.view_name, a.hypertable_name) AS source_name,
       a.materialization_hypertable_schema AS held_schema, a.materialization_hypertable_name AS held_name,
       d.integer_interval IS NOT NULL AS by_number,
       -- Below it is the least that there is of the type: nothing was filled yet.
       CASE WHEN w.watermark > lowest.value THEN w.watermark END AS filled_to,
       CASE WHEN t.watermark > lowest.value THEN t.watermark END AS threshold
FROM timescaledb_information.continuous_aggregates a
LEFT JOIN timescaledb_information.continuous_aggregates b
  ON (b.materialization_hypertable_schema, b.materialization_hypertable_name) =
     (a.hypertable_schema, a.hypertable_name)
JOIN _timescaledb_catalog.hypertable h
  ON (h.schema_name, h.table_name) = (a.materialization_hypertable_schema, a.materialization_hypertable_name)
JOIN _timescaledb_catalog.continuous_agg g ON g.mat_hypertable_id = h.id
JOIN timescaledb_information.dimensions d
  ON (d.hypertable_schema, d.hypertable_name, d.dimension_number) = (h.schema_name, h.table_name, 1)
CROSS JOIN LATERAL (
  SELECT CASE d.column_type::text WHEN 'smallint' THEN -32768 WHEN 'integer' THEN -2147483648
                                  WHEN 'bigint' THEN -9223372036854775808 ELSE -210866803200000000 END
) AS lowest (value)
LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = h.id
LEFT JOIN _timescaledb_catalog.continuous_aggs_invalidation_threshold t ON t.hypertable_id = g.raw_hypertable_id
ORDER BY h.id
