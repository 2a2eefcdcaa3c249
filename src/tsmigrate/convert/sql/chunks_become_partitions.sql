FOR partition IN
  SELECT value ->> 'name' AS name, value ->> 'known_as' AS known_as, value ->> 'bounds' AS bounds,
         coalesce(value -> 'kept', '[]') AS kept,
         ARRAY(SELECT jsonb_array_elements_text(value -> 'ranks')::int) AS ranks,
         ARRAY(SELECT jsonb_array_elements_text(value -> 'definitions')) AS definitions
  FROM jsonb_array_elements(partitioned -> 'attached')
LOOP
  IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(partition.name) AND inhparent = target) THEN
    {{tell_partition_gone}}
    CONTINUE;
  END IF;
  EXECUTE format('CALL %I.detach_chunk(%L::regclass)', extension_schema, partition.name);
  DECLARE
    table_name text := partition.known_as;
    target regclass := partition.name;
    full_name text := partition.name;
    relations oid[] := ARRAY[target::oid];
    doomed_functions oid[] := '{}';
    doomed_names text[] := '{}';
    unwanted_indexes oid[] := '{}';
    unwanted_foreign_keys oid[] := '{}';
    repointing text[] := '{}';
    ranks int[];
    definitions text[];
    ranks_before int[] := partition.ranks;
    definitions_before text[] := partition.definitions;
  BEGIN
    -- What only its place among chunks gave it goes.
    FOR statement IN
      SELECT format('DROP TRIGGER %I ON %s', tgname, target) FROM pg_trigger WHERE tgrelid = target AND NOT tgisinternal
      UNION ALL
      SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', target, conname) FROM pg_constraint
      WHERE conrelid = target AND contype IN ('c', 'f', 'p', 'u', 'x') AND NOT partition.kept ? conname
      UNION ALL
      SELECT format('DROP INDEX %s', i.indexrelid::regclass)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indrelid = target AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
        AND NOT partition.kept ? c.relname
    LOOP
      EXECUTE statement;
    END LOOP;
    {{capture}}
    {{say_the_rest}}
    {{capture}}
    {{compare_definitions}}
  END;
  EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s %s', attached, partition.name, partition.bounds);
END LOOP;
