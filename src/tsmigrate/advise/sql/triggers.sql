SELECT t.tgrelid::bigint AS table, t.tgname AS name, p.oid::regprocedure::text AS function,
       CASE WHEN l.lanname IN ('plpgsql', 'sql') THEN pg_get_functiondef(p.oid) ELSE '' END AS definition
FROM pg_trigger t
JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_language l ON l.oid = p.prolang
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid = ANY ({{tables}})
ORDER BY t.tgrelid, t.tgname COLLATE "C"
