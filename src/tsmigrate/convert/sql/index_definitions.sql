-- An index is made in default_tablespace.
SELECT CASE c.oid WHEN target THEN 50 ELSE 74 END, CASE WHEN k.oid IS NULL THEN 1 ELSE 0 END,
       concat_ws(E';\n',
         format('SET LOCAL default_tablespace = %L', coalesce((SELECT spcname FROM pg_tablespace WHERE oid = i.reltablespace), '')),
         CASE WHEN k.oid IS NULL THEN
                -- That of a partitioned table leaves its partitions out.
                replace(pg_get_indexdef(i.oid), format(' ON ONLY %s USING ', c.oid::regclass), format(' ON %s USING ', c.oid::regclass))
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
