SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       c.relpersistence = 'u' AS unlogged,
       c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) AS inherits,
       pg_has_role(c.relowner, 'USAGE') AS owned,
       has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AS readable,
       c.relrowsecurity AS row_security, c.reltoastrelid <> 0 AS toasted,
       CASE WHEN c.oid = ANY ({{hypertables}}) THEN coalesce(nullif(size.rows, 0), -1) ELSE c.reltuples END AS rows,
       coalesce(size.heap, 0)::bigint AS heap, coalesce(size.toast, 0)::bigint AS toast,
       coalesce(size.indexes, 0)::bigint AS index_bytes,
       coalesce(s.n_tup_ins, 0) AS inserted, coalesce(s.n_tup_upd, 0) AS updated, coalesce(s.n_tup_del, 0) AS deleted,
       greatest(s.last_analyze, s.last_autoanalyze) AS analyzed
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
CROSS JOIN LATERAL (
  SELECT sum(pg_relation_size(p.oid)) AS heap, sum(pg_table_size(p.oid) - pg_relation_size(p.oid)) AS toast,
         sum(pg_indexes_size(p.oid)) AS indexes, sum(greatest(p.reltuples, 0)) AS rows
  FROM (SELECT c.oid WHERE c.relkind <> 'p'
        UNION ALL
        SELECT tree.relid FROM pg_partition_tree(c.oid) tree WHERE c.relkind = 'p' AND tree.isleaf
        UNION ALL
        SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = c.oid AND c.oid = ANY ({{hypertables}})) AS part (oid)
  JOIN pg_class p ON p.oid = part.oid AND p.relkind = 'r' AND p.oid <> ALL ({{held}})
) AS size
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND NOT c.relispartition
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT LIKE '\_timescaledb%'
  AND c.oid <> ALL ({{held}})
  AND n.nspname NOT IN ('information_schema', 'tsmigrate')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent = ANY ({{hypertables}}))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
