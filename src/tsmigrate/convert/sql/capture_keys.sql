-- An index is made in default_tablespace.
SELECT CASE c.relkind WHEN 'r' THEN 50 ELSE 74 END, CASE WHEN k.oid IS NULL THEN 1 ELSE 0 END,
       concat_ws(E';\n',
         format('SET LOCAL default_tablespace = %L', coalesce((SELECT spcname FROM pg_tablespace WHERE oid = i.reltablespace), '')),
         CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.oid)
              ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.oid::regclass, k.conname, pg_get_constraintdef(k.oid)) END,
         -- A constraint's definition does not tell its index's options.
         CASE WHEN k.oid IS NOT NULL THEN
           (SELECT format('ALTER INDEX %s SET (%s)', i.oid::regclass, string_agg(format('%s = %L', option_name, option_value), ', '))
            FROM pg_options_to_table(i.reloptions) HAVING count(*) > 0) END,
         (SELECT string_agg(format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', i.oid::regclass, a.attnum,
                                   to_jsonb(a) ->> 'attstattarget'), E';\n' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = i.oid AND (to_jsonb(a) ->> 'attstattarget')::int >= 0),
         (SELECT string_agg(format('ALTER INDEX %s DEPENDS ON EXTENSION %I', i.oid::regclass, e.extname), E';\n' ORDER BY e.extname)
          FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
          WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid AND d.deptype = 'x'),
         CASE WHEN x.indisclustered THEN format('ALTER TABLE %s CLUSTER ON %I', c.oid::regclass, i.relname) END,
         CASE WHEN x.indisreplident THEN format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', c.oid::regclass, i.relname) END,
         (SELECT format('COMMENT ON INDEX %s IS %L', i.oid::regclass, description)
          FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid = i.oid))
FROM pg_class c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')
WHERE c.oid = ANY (relations) AND NOT i.oid = ANY (unwanted_indexes)
UNION ALL
SELECT 50, 0, format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = target AND contype = 'c'
UNION ALL
-- Its own foreign keys, and those that point at it: TimescaleDB adds more for its chunks, which go with them.
SELECT 56, 0, format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', conrelid::regclass, conname, pg_get_constraintdef(oid),
                     CASE WHEN convalidated AND conrelid <> target THEN
                       format(E' NOT VALID;\nALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) END)
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND target IN (conrelid, confrelid)
UNION ALL
SELECT 58, 0, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, k.conrelid::regclass, description)
FROM pg_constraint k JOIN pg_description ON classoid = 'pg_constraint'::regclass AND objoid = k.oid
WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0
  AND (k.conrelid = target OR k.contype = 'f' AND k.confrelid = target)
UNION ALL
SELECT 59, 0, format('ALTER TABLE %s REPLICA IDENTITY %s', target, CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
FROM pg_class WHERE oid = target AND relreplident IN ('f', 'n')
UNION ALL
SELECT CASE c.relkind WHEN 'r' THEN 60 ELSE 76 END, 0, concat_ws(E';\n', pg_get_statisticsobjdef(s.oid),
         format('ALTER STATISTICS %I.%I OWNER TO %I', n.nspname, s.stxname, pg_get_userbyid(s.stxowner)),
         CASE WHEN (to_jsonb(s) ->> 'stxstattarget')::int >= 0 THEN
           format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname, to_jsonb(s) ->> 'stxstattarget') END,
         (SELECT format('COMMENT ON STATISTICS %I.%I IS %L', n.nspname, s.stxname, description)
          FROM pg_description WHERE classoid = 'pg_statistic_ext'::regclass AND objoid = s.oid))
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace JOIN pg_class c ON c.oid = s.stxrelid
WHERE c.oid = ANY (relations)
