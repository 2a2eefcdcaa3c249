SELECT k.conname AS name, k.conrelid::bigint AS child, k.confrelid::bigint AS parent,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS part (attnum, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.attnum ORDER BY place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS part (attnum, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = part.attnum ORDER BY place) AS parent_columns,
       CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
                          WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS action
FROM pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = ANY ({{tables}}) AND k.confrelid = ANY ({{tables}})
ORDER BY k.conrelid, k.conname COLLATE "C"
