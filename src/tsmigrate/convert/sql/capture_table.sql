SELECT 10, 0::bigint, format('CREATE %sTABLE %s (%s) USING %I%s%s',
         CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, c.oid::regclass,
         (SELECT string_agg(concat(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                   (SELECT format(' COLLATE %I.%I', n.nspname, l.collname)
                    FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
                    WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation),
                   CASE WHEN a.attgenerated <> '' THEN
                     format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(e.adbin, e.adrelid),
                            CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END)
                   ELSE ' DEFAULT ' || pg_get_expr(e.adbin, e.adrelid) END,
                   CASE WHEN a.attidentity <> '' THEN
                     (SELECT format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s INCREMENT BY %s MINVALUE %s MAXVALUE %s '
                                    'START WITH %s CACHE %s%s)',
                                    CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, q.seqrelid::regclass,
                                    q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache,
                                    CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END)
                      FROM pg_depend d JOIN pg_sequence q ON q.seqrelid = d.objid
                      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                        AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i') END,
                   -- A hypertable's partition column always is.
                   CASE WHEN a.attnotnull OR c.relkind = 'p' AND a.attname = time_column THEN ' NOT NULL' END), ', ' ORDER BY a.attnum)
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
         coalesce(m.amname, current_setting('default_table_access_method')),
         (SELECT format(' WITH (%s)', string_agg(format('%s = %L', name, value), ', ' ORDER BY of_toast, place))
          FROM (SELECT false, option_name, option_value, ordinality FROM pg_options_to_table(c.reloptions) WITH ORDINALITY
                UNION ALL
                SELECT true, 'toast.' || option_name, option_value, ordinality
                FROM pg_class toast, pg_options_to_table(toast.reloptions) WITH ORDINALITY WHERE toast.oid = c.reltoastrelid
               ) AS options (of_toast, name, value, place)
          HAVING count(*) > 0),
         (SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid = c.reltablespace))
FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam WHERE c.oid = target
UNION ALL
SELECT CASE c.oid WHEN target THEN 15 ELSE 72 END, a.attnum,
       format('ALTER TABLE %s ALTER COLUMN %I SET %s', c.oid::regclass, a.attname, setting)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
CROSS JOIN LATERAL (
  SELECT 'STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
  WHERE a.attstorage <> t.typstorage
  UNION ALL
  SELECT 'COMPRESSION ' || CASE a.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END WHERE a.attcompression <> ''
  UNION ALL
  -- -1 up to PostgreSQL 16, NULL from 17 on: the default.
  SELECT 'STATISTICS ' || (to_jsonb(a) ->> 'attstattarget') WHERE (to_jsonb(a) ->> 'attstattarget')::int >= 0
  UNION ALL
  -- PostgreSQL 15.20 stores a pg_attver of its own there.
  SELECT format('(%s)', string_agg(format('%s = %L', option_name, option_value), ', ' ORDER BY ordinality))
  FROM pg_options_to_table(a.attoptions) WITH ORDINALITY
  WHERE option_name IN ('n_distinct', 'n_distinct_inherited') HAVING count(*) > 0
) AS settings (setting)
WHERE c.oid = ANY (relations) AND c.relkind IN ('r', 'p', 'm')
UNION ALL
SELECT CASE c.oid WHEN target THEN 20 ELSE 71 END, 0, format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, pg_get_userbyid(c.relowner))
FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind <> 'S'
UNION ALL
SELECT 22, 0, format('ALTER SEQUENCE %s OWNED BY %s.%I', d.objid::regclass, target, a.attname)
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.deptype = 'a'
