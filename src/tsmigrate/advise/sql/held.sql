SELECT DISTINCT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name
FROM pg_locks l
LEFT JOIN pg_index i ON i.indexrelid = l.relation
LEFT JOIN pg_class owner ON owner.reltoastrelid = coalesce(i.indrelid, l.relation)
CROSS JOIN LATERAL (SELECT coalesce(owner.oid, i.indrelid, l.relation)) AS held (oid)
JOIN pg_class c ON c.oid = coalesce(pg_partition_root(held.oid), held.oid)
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode = 'AccessExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid() AND c.relkind IN ('r', 'p', 'f')
ORDER BY 2, 3
