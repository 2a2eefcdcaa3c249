-- Definitions are written with every name in full.
PERFORM set_config('search_path', '', true);
was_nullable := NOT facts.attnotnull;
SELECT coalesce(array_agg(indexrelid::regclass::text), '{}') INTO indexes_before FROM pg_index WHERE indrelid = target;

-- A hypertable cannot be a member of a publication (TS101), and partitions will be without rows.
SELECT coalesce(array_agg(format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s', p.pubname, r.prrelid::regclass,
         ' (' || (SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
                  WHERE attrelid = r.prrelid AND attnum = ANY (r.prattrs)) || ')',
         ' WHERE ' || pg_get_expr(r.prqual, r.prrelid)) ORDER BY p.pubname, r.prrelid::regclass::text), '{}')
INTO publications
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
WHERE r.prrelid = target OR r.prrelid IN (SELECT relid FROM pg_partition_tree(target));
FOR statement IN
  SELECT format('ALTER PUBLICATION %I DROP TABLE ONLY %s', p.pubname, r.prrelid::regclass)
  FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
  WHERE r.prrelid = target OR r.prrelid IN (SELECT relid FROM pg_partition_tree(target))
LOOP
  EXECUTE statement;
  RAISE WARNING '% is no longer published (%): a publication cannot hold a hypertable', table_name, statement;
END LOOP;

-- Triggers would fire for every row that moves, disabled ones too: chunks get them enabled. Those that do not fire stay
-- away until the table is plain again: before 2.27 a hypertable's trigger cannot be disabled, and on 2.28.3 one that is
-- disabled is enabled all the same on every chunk made later. ENABLE ALWAYS does not reach chunks either.
{{capture_triggers}}
FOR statement IN
  SELECT format('DROP TRIGGER %I ON %s', tgname, target) FROM pg_trigger WHERE tgrelid = target AND NOT tgisinternal
LOOP
  EXECUTE statement;
END LOOP;

{{without_indexes}}
