SELECT a.attrelid::bigint AS table, a.attname AS name, t.typname AS type, coalesce(b.typname, t.typname) AS base_type,
       a.attnotnull AS required, coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS default_value,
       a.attgenerated <> '' AS generated, s.null_frac, s.n_distinct, s.correlation,
       CASE WHEN t.typname = ANY ({{time_types}}) AND t.typnamespace = 'pg_catalog'::regnamespace THEN
         ARRAY(SELECT extract(epoch FROM moment)::float8
               FROM unnest(s.histogram_bounds::text::timestamptz[]) AS moment WHERE isfinite(moment) ORDER BY moment)
            WHEN whole.is_time THEN
         ARRAY(SELECT value::float8 FROM unnest(s.histogram_bounds::text::bigint[]) AS value ORDER BY value)
       END AS bounds,
       CASE WHEN t.typname = ANY ({{time_types}}) AND t.typnamespace = 'pg_catalog'::regnamespace THEN
         ARRAY(SELECT ARRAY[extract(epoch FROM moment)::float8, share]
               FROM unnest(s.most_common_vals::text::timestamptz[], s.most_common_freqs) AS common (moment, share)
               WHERE isfinite(moment) ORDER BY moment)
            WHEN whole.is_time THEN
         ARRAY(SELECT ARRAY[value::float8, share]
               FROM unnest(s.most_common_vals::text::bigint[], s.most_common_freqs) AS common (value, share)
               ORDER BY value)
       END AS common
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
                    AND s.inherited = (c.relkind = 'p' OR c.oid = ANY ({{hypertables}}))
CROSS JOIN LATERAL (
  SELECT CASE WHEN t.typname = ANY ({{whole_numbers}}) AND t.typnamespace = 'pg_catalog'::regnamespace
                   AND a.attname ~* {{time_names}} THEN
           coalesce((s.histogram_bounds::text::bigint[])[1], (s.most_common_vals::text::bigint[])[1]) >= {{earliest}}
         END AS is_time
) AS whole
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY ({{tables}})
ORDER BY a.attrelid, a.attnum
