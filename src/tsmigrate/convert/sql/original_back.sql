-- The table that was attached, or waited aside with its partitions, comes back as it is: what it has not is said of it
-- anew, and the rows of other chunks come to it. Its triggers, policies, and what only its place among chunks gave it, go
-- first; before them the columns that the hypertable has no more, with their constraints and indexes.
IF partitioned IS NULL THEN
  EXECUTE format('CALL %I.detach_chunk(%L::regclass)', extension_schema, attached);
ELSE
  {{chunks_become_partitions}}
END IF;
{{step_aside}}
FOREACH statement IN ARRAY ARRAY(
  {{orphaned_columns}}
  UNION ALL
  SELECT format('DROP TRIGGER %I ON %s', tgname, attached) FROM pg_trigger
  WHERE tgrelid = attached::regclass AND NOT tgisinternal
  UNION ALL
  SELECT format('DROP POLICY %I ON %s', polname, attached) FROM pg_policy WHERE polrelid = attached::regclass
  UNION ALL
  SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
  WHERE contype = 'f' AND conparentid = 0 AND confrelid = attached::regclass
  UNION ALL
  SELECT format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', attached, conname) FROM pg_constraint c
  WHERE conrelid = attached::regclass AND contype IN ('c', 'f', 'p', 'u', 'x')
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = target AND conname = c.conname
                                                AND NOT conindid = ANY (unwanted_indexes))
    AND NOT (contype = 'f' AND confrelid = attached::regclass)
  UNION ALL
  SELECT format('DROP INDEX IF EXISTS %s', i.indexrelid::regclass)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = attached::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
    AND NOT EXISTS (SELECT FROM pg_index JOIN pg_class r ON r.oid = indexrelid
                    WHERE indrelid = target AND r.relname = c.relname AND NOT indexrelid = ANY (unwanted_indexes))
) LOOP
  EXECUTE statement;
END LOOP;
IF partitioned IS NULL THEN
  EXECUTE format('ALTER TABLE %s RENAME TO %I', attached, facts.relname);
  EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', attached_in[1], facts.relname, facts.nspname);
ELSE
  {{partitions_home}}
END IF;
target := full_name::regclass;
{{carry_identities}}

SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO column_list
FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
{{own_triggers}}
FOREACH statement IN ARRAY own_triggers_off LOOP
  EXECUTE statement;
END LOOP;
PERFORM set_config('search_path', callers_path, true);
PERFORM set_config('application_name', 'tsmigrate: moving rows of other chunks', true);
BEGIN
  EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s', full_name, column_list, column_list, held);
  SET CONSTRAINTS ALL IMMEDIATE;
EXCEPTION WHEN integrity_constraint_violation THEN
  -- A partition may be stricter than the table.
  RAISE EXCEPTION USING ERRCODE = {{refused}},
    MESSAGE = format(E'%s cannot become %s:\n- a row that was written since does not fit: %s', table_name, goal, SQLERRM),
    HINT = 'Correct or delete such rows, or drop the constraint.';
END;
FOREACH statement IN ARRAY own_triggers_on LOOP
  EXECUTE statement;
END LOOP;
PERFORM set_config('search_path', '', true);
relations := ARRAY(SELECT to_regclass(name) FROM unnest(relation_names) WITH ORDINALITY AS r (name, place)
                   WHERE to_regclass(name) IS NOT NULL ORDER BY place);
doomed_functions := '{}';
unwanted_indexes := '{}';
