-- A chunk with the hypertable's own name, in whatever schema, crashes 2.28.3 at the next GRANT on the hypertable.
EXECUTE format('ALTER TABLE %s RENAME TO %I', held, hold);
held := format('%I.%I', hold, hold);

-- An empty hypertable takes the table's place. Indexes, checks and foreign keys come before the chunk, which has the like
-- of them already; what concerns the rows comes after it.
{{make_table}}
FOR number IN 1 .. cardinality(definitions) LOOP
  IF ranks[number] BETWEEN 50 AND 56 THEN
    EXECUTE definitions[number];
  END IF;
END LOOP;
PERFORM set_config('default_tablespace', '', true);
{{create_hypertable}}
PERFORM set_config('search_path', '', true);
{{drop_held_policies}}
PERFORM set_config('application_name', 'tsmigrate: attaching the table', true);
EXECUTE format('CALL %I.attach_chunk(%L::regclass, %L::regclass, %L::jsonb)', extension_schema, full_name, held,
               jsonb_build_object(time_column, rows_span));

FOR number IN 1 .. cardinality(definitions) LOOP
  IF ranks[number] BETWEEN 57 AND 69 THEN
    EXECUTE definitions[number];
  END IF;
END LOOP;
{{make_the_rest}}

{{new_objects}}
unwanted_indexes := ARRAY(SELECT indexrelid FROM pg_index
                          WHERE indrelid = target AND NOT indexrelid::regclass::text = ANY (indexes_before));
