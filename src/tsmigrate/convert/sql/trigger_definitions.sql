SELECT t.tgenabled AS mode,
       concat_ws(E';\n', pg_get_triggerdef(t.oid),
         (SELECT format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, {{target}}, description)
          FROM pg_description WHERE classoid = 'pg_trigger'::regclass AND objoid = t.oid),
         (SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', t.tgname, {{target}}, description)
          FROM pg_description WHERE classoid = 'pg_constraint'::regclass AND objoid = t.tgconstraint),
         (SELECT string_agg(format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION %I', t.tgname, {{target}}, e.extname),
                            E';\n' ORDER BY e.extname)
          FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
          WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
            AND d.refclassid = 'pg_extension'::regclass)) AS definition,
       CASE WHEN t.tgenabled <> 'O' THEN
         format('ALTER TABLE %s %s TRIGGER %I', {{target}},
                CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
                t.tgname) END AS set_mode
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = {{target}} AND NOT t.tgisinternal
  AND p.pronamespace::regnamespace::text NOT LIKE '\_timescaledb%' -- ts_insert_blocker is a hypertable's own
ORDER BY t.tgname COLLATE "C"
