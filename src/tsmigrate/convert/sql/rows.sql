-- How many rows, and a checksum that knows no order: what catalog.checksum computes, in one scan by several workers.
-- Its settings decide how values are written; the caller's come back afterwards.
DECLARE
  query text;
  callers text[];
BEGIN
  SELECT format('SELECT count(*), coalesce(sum(hash_record_extended(ROW(%s), 0)), 0)%s FROM %s',
                string_agg(CASE WHEN t.typname = ANY ({{hashed_types}}) AND t.typnamespace = 'pg_catalog'::regnamespace
                                THEN format('%I', a.attname) ELSE format('%I::text COLLATE "C"', a.attname) END,
                           ', ' ORDER BY a.attnum), {{further_counts}}, {{rows_from}})
  INTO query
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
  JOIN pg_type t ON t.oid = a.atttypid
  WHERE c.oid = target
  GROUP BY n.nspname, c.relname;
  SELECT array_agg(current_setting(wanted) ORDER BY place) INTO callers
  FROM unnest({{fixed_names}}) WITH ORDINALITY AS w (wanted, place);
  PERFORM set_config(wanted, value, true) FROM unnest({{fixed_names}}, {{fixed_values}}) AS w (wanted, value);
  EXECUTE query INTO counted, checksum{{further_counted}};
  PERFORM set_config(wanted, value, true) FROM unnest({{fixed_names}}, callers) AS w (wanted, value);
END;
