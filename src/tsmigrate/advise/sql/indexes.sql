SELECT i.indrelid::bigint AS table, x.relname AS name, m.amname AS method, i.indisunique AS unique,
       i.indisprimary AS primary, i.indisexclusion AS exclusion, i.indisvalid AS valid,
       i.indisunique OR i.indisexclusion OR i.indisreplident
         OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AS kept,
       coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS condition, key.columns, key.parts, key.included,
       x.relpages::bigint * current_setting('block_size')::int AS size,
       coalesce(s.idx_scan, 0) AS scans
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam
LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = i.indexrelid
CROSS JOIN LATERAL (
  SELECT array_agg(a.attname::text ORDER BY place) FILTER (WHERE place <= i.indnkeyatts) AS columns,
         coalesce(array_agg(a.attname::text ORDER BY place) FILTER (WHERE place > i.indnkeyatts), '{}') AS included,
         -- As op.drop_redundant_index compares them.
         array_agg(concat_ws(' ', coalesce(a.attname, pg_get_indexdef(i.indexrelid, place::int, true)),
                             i.indclass[place - 1], i.indcollation[place - 1], i.indoption[place - 1])
                   ORDER BY place) FILTER (WHERE place <= i.indnkeyatts) AS parts
  FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS part (attnum, place)
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.attnum
) AS key
WHERE i.indrelid = ANY ({{tables}})
ORDER BY i.indrelid, x.relname COLLATE "C"
