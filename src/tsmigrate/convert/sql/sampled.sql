-- The table whose pages are tried: its name, its pages, and its columns as the checksum takes them (rows.sql).
SELECT c.oid::regclass::text, pg_relation_size(c.oid) / current_setting('block_size')::int,
       string_agg(CASE WHEN t.typname = ANY ({{hashed_types}}) AND t.typnamespace = 'pg_catalog'::regnamespace
                       THEN format('%I', a.attname) ELSE format('%I::text COLLATE "C"', a.attname) END,
                  ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid = {{relation}}
GROUP BY c.oid
