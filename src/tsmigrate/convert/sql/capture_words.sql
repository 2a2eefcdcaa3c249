-- Comments, then grants: in the order of the access list, which pg_dump keeps.
SELECT 90, d.objsubid, format('COMMENT ON %s %s%s IS %L',
         CASE WHEN d.objsubid > 0 THEN 'COLUMN' WHEN c.relkind = 'v' THEN 'VIEW' WHEN c.relkind = 'm' THEN 'MATERIALIZED VIEW'
              WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
         c.oid::regclass, (SELECT format('.%I', attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum = d.objsubid AND attnum > 0),
         d.description)
FROM pg_class c JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid
WHERE c.oid = ANY (relations)
UNION ALL
SELECT rank, place, format(CASE rank WHEN 94 THEN 'REVOKE %s ON %s FROM %s' ELSE 'GRANT %s ON %s TO %s%s' END,
                           privilege, object, grantee, CASE WHEN grantable THEN ' WITH GRANT OPTION' END)
FROM (
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS object, c.relowner AS owner,
         coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS rights,
         c.relacl IS NULL OR c.relacl = acldefault('r', c.relowner) AND c.relkind <> 'S' AS ordinary
  FROM pg_class c WHERE c.oid = ANY (relations)
  UNION ALL
  SELECT 'ROUTINE ' || p.oid::regprocedure, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), p.proacl IS NULL
  FROM pg_proc p WHERE p.oid = ANY (doomed_functions)
) AS granted
CROSS JOIN LATERAL (
  -- What is made anew begins with the default privileges of its schema and its maker.
  SELECT 94, 0, 'ALL', CASE role WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(role)) END, false
  FROM (SELECT 0 AS role UNION SELECT owner UNION SELECT (aclexplode(defaclacl)).grantee FROM pg_default_acl) AS roles
  UNION ALL
  SELECT 95, i.place, e.privilege_type, CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(e.grantee)) END,
         e.is_grantable
  FROM unnest(rights) WITH ORDINALITY AS i (item, place), aclexplode(ARRAY[i.item]) AS e
) AS said (rank, place, privilege, grantee, grantable)
WHERE NOT ordinary OR EXISTS (SELECT FROM pg_default_acl)
UNION ALL
SELECT 96, a.attnum * 1000 + i.place, format('GRANT %s (%I) ON TABLE %s TO %s%s', e.privilege_type, a.attname, c.oid::regclass,
         CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(e.grantee)) END,
         CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' END)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped,
     unnest(a.attacl) WITH ORDINALITY AS i (item, place), aclexplode(ARRAY[i.item]) AS e
WHERE c.oid = ANY (relations)
