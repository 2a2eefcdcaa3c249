{{index_definitions}}
UNION ALL
SELECT 50, 0, format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = target AND contype = 'c'
UNION ALL
{{foreign_key_definitions}}
UNION ALL
{{constraint_comments}}
UNION ALL
SELECT 59, 0, format('ALTER TABLE %s REPLICA IDENTITY %s', target, CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
FROM pg_class WHERE oid = target AND relreplident IN ('f', 'n')
UNION ALL
SELECT CASE c.oid WHEN target THEN 60 ELSE 76 END, 0, concat_ws(E';\n', pg_get_statisticsobjdef(s.oid),
         format('ALTER STATISTICS %I.%I OWNER TO %I', n.nspname, s.stxname, pg_get_userbyid(s.stxowner)),
         CASE WHEN (to_jsonb(s) ->> 'stxstattarget')::int >= 0 THEN
           format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname, to_jsonb(s) ->> 'stxstattarget') END,
         (SELECT format('COMMENT ON STATISTICS %I.%I IS %L', n.nspname, s.stxname, description)
          FROM pg_description WHERE classoid = 'pg_statistic_ext'::regclass AND objoid = s.oid))
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace JOIN pg_class c ON c.oid = s.stxrelid
WHERE c.oid = ANY (relations)
