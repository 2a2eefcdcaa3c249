SELECT CASE c.relation WHEN target THEN 65 ELSE 78 END, 0, concat_ws(E';\n', t.definition, t.set_mode)
FROM (SELECT oid::regclass AS relation FROM pg_class WHERE oid = ANY (relations)) AS c
CROSS JOIN LATERAL (
  {{trigger_definitions}}
) AS t
UNION ALL
SELECT 80, 0, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target) FROM pg_class WHERE oid = target AND relrowsecurity
UNION ALL
SELECT 81, 0, concat(format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, target,
                            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                 WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                            (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(role)) END, ', ' ORDER BY place)
                             FROM unnest(p.polroles) WITH ORDINALITY AS r (role, place))),
                     ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                     ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')',
                     (SELECT format(E';\nCOMMENT ON POLICY %I ON %s IS %L', p.polname, target, description)
                      FROM pg_description WHERE classoid = 'pg_policy'::regclass AND objoid = p.oid))
FROM pg_policy p WHERE p.polrelid = target
UNION ALL
SELECT 85, 0, format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s', p.pubname, r.prrelid::regclass,
         ' (' || (SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
                  WHERE attrelid = r.prrelid AND attnum = ANY (r.prattrs)) || ')',
         ' WHERE ' || pg_get_expr(r.prqual, r.prrelid))
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE r.prrelid = target
