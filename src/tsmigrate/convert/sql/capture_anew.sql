SELECT 70, array_position(doomed_names, c.oid::regclass::text),
       format('CREATE %s %s%s%s%s AS %s%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass,
              (SELECT format(' USING %I', amname) FROM pg_am WHERE oid = c.relam),
              (SELECT format(' WITH (%s)', string_agg(format('%s = %L', option_name, option_value), ', '))
               FROM pg_options_to_table(c.reloptions) HAVING count(*) > 0),
              (SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid = c.reltablespace AND c.relkind = 'm'),
              rtrim(pg_get_viewdef(c.oid), ';'),
              CASE WHEN c.relkind = 'm' THEN CASE WHEN c.relispopulated THEN ' WITH DATA' ELSE ' WITH NO DATA' END END)
FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind IN ('v', 'm')
UNION ALL
SELECT 70, array_position(doomed_names, p.oid::regprocedure::text),
       concat_ws(E';\n', rtrim(pg_get_functiondef(p.oid), E'\n'),
                 format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, pg_get_userbyid(p.proowner)),
                 (SELECT string_agg(format('ALTER ROUTINE %s DEPENDS ON EXTENSION %I', p.oid::regprocedure, e.extname), E';\n' ORDER BY e.extname)
                  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'x'),
                 (SELECT format('COMMENT ON ROUTINE %s IS %L', p.oid::regprocedure, description)
                  FROM pg_description WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid))
FROM pg_proc p WHERE p.oid = ANY (doomed_functions)
UNION ALL
SELECT 72, a.attnum, format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname, pg_get_expr(e.adbin, e.adrelid))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = a.attnum
WHERE c.oid = ANY (relations) AND c.relkind = 'v'
UNION ALL
SELECT 77, 0, concat_ws(E';\n', rtrim(pg_get_ruledef(w.oid), ';'),
         (SELECT format('COMMENT ON RULE %I ON %s IS %L', w.rulename, w.ev_class::regclass, description)
          FROM pg_description WHERE classoid = 'pg_rewrite'::regclass AND objoid = w.oid))
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
WHERE c.oid = ANY (relations) AND c.relkind IN ('v', 'm') AND w.rulename <> '_RETURN'
