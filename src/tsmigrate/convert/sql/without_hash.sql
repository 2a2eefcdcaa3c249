DECLARE
  dimension record;
BEGIN
  SELECT v.column_name, coalesce(v.integer_interval::text, v.time_interval::text) AS chunk_interval,
         v.integer_interval IS NOT NULL AS by_number,
         CASE WHEN d.integer_now_func IS NOT NULL THEN format('%I.%I', d.integer_now_func_schema, d.integer_now_func) END
           AS now_function
  INTO dimension
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN _timescaledb_catalog.hypertable h ON (h.schema_name, h.table_name) = (n.nspname, c.relname)
  JOIN timescaledb_information.dimensions v
    ON (v.hypertable_schema, v.hypertable_name, v.dimension_number) = (n.nspname, c.relname, 1)
  JOIN _timescaledb_catalog.dimension d ON (d.hypertable_id, d.column_name) = (h.id, v.column_name)
  WHERE c.oid = to_regclass({{table}});
  {{plain_table}};
  {{hypertable}};
END;
