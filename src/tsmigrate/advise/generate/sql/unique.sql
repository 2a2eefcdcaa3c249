SELECT n.nspname AS schema, c.relname AS table, x.relname AS name, k.oid IS NOT NULL AS is_constraint,
       CASE WHEN k.oid IS NOT NULL THEN
         ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS part (attnum, place)
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.attnum ORDER BY place)
       END AS columns,
       coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) AS definition,
       coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(i.indexrelid, 'pg_class')) AS comment,
       concat_ws(' and ',
                 CASE WHEN i.indisreplident THEN 'is the replica identity' END,
                 CASE WHEN i.indisclustered THEN 'is what the table is clustered by' END,
                 CASE WHEN x.reltablespace <> 0 THEN 'is in a tablespace of its own' END,
                 CASE WHEN NOT i.indisvalid THEN 'is INVALID' END,
                 (SELECT 'is referred to by foreign keys (' || string_agg(f.conname, ', ' ORDER BY f.conname) || ')'
                  FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid AND f.conparentid = 0
                  HAVING count(*) > 0)) AS held
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = c.oid AND k.contype IN ('u', 'p')
WHERE i.indrelid = ANY ({{tables}}) AND i.indisunique AND NOT i.indisexclusion
ORDER BY 1, 2, 3
