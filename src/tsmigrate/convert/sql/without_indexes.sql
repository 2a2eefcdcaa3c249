-- Rows move many times faster into chunks without indexes and foreign keys. They are made again afterwards, but for
-- those that stay in place: what others depend on (a view that groups by the primary key, 2BP01), what its definition
-- does not tell (that it is invalid, an extension's), and what we might not make again.
IF counted > 0 THEN
  FOR statement IN
    SELECT format('while the foreign key %I of %s points at it, none of its chunks can be dropped', conname, conrelid::regclass)
    FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND confrelid = target AND conrelid <> target
  LOOP
    RAISE WARNING '%: %', table_name, statement;
  END LOOP;
  relations := ARRAY[target::oid];
  unwanted_foreign_keys := ARRAY(
    SELECT k.oid FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = target
      AND (EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = k.oid AND tgenabled <> 'O')
           OR NOT has_schema_privilege(r.relnamespace, 'USAGE')
           OR EXISTS (SELECT FROM unnest(k.confkey) AS c (number)
                      WHERE NOT has_column_privilege(r.oid, c.number, 'REFERENCES'))));
  unwanted_indexes := ARRAY(
    SELECT i.indexrelid FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
    WHERE i.indrelid = target
      AND (NOT i.indisvalid
           OR EXISTS (SELECT FROM pg_depend
                      WHERE classid = 'pg_class'::regclass AND objid = i.indexrelid AND deptype = 'e')
           OR EXISTS (SELECT FROM pg_depend d
                      WHERE d.deptype = 'n'
                        AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indexrelid
                             OR d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid)
                        AND NOT EXISTS (SELECT FROM pg_constraint
                                        WHERE d.classid = 'pg_constraint'::regclass AND oid = d.objid AND contype = 'f'))));
  rebuilding := ARRAY(
    SELECT said FROM (
      {{index_definitions}}
      UNION ALL
      {{foreign_key_definitions}}
      UNION ALL
      {{constraint_comments}}
    ) AS captured (rank, place, said)
    ORDER BY rank, place, said);
  FOREACH statement IN ARRAY ARRAY(
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
    WHERE contype = 'f' AND conparentid = 0 AND target IN (conrelid, confrelid) AND NOT oid = ANY (unwanted_foreign_keys)
    UNION ALL
    SELECT format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', target) FROM pg_index
    WHERE indrelid = target AND indisreplident AND NOT indexrelid = ANY (unwanted_indexes)
    UNION ALL
    SELECT CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
                ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', target, k.conname) END
    FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
    WHERE i.indrelid = target AND NOT i.indexrelid = ANY (unwanted_indexes)
  ) LOOP
    EXECUTE statement;
  END LOOP;
END IF;
