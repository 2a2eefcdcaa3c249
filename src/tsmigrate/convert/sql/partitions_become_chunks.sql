-- An empty hypertable takes the table's place. Keys, indexes and foreign keys come after the rows, but for those of
-- partitions that become chunks: these have the like of them already.
{{make_table}}
{{drop_held_policies}}
FOR number IN 1 .. cardinality(definitions) LOOP
  IF attach_wanted AND ranks[number] BETWEEN 50 AND 56 THEN
    EXECUTE definitions[number];
  END IF;
END LOOP;
PERFORM set_config('default_tablespace', '', true);
rebuilding := ARRAY(
  SELECT definition FROM unnest(ranks, definitions) WITH ORDINALITY AS d (rank, definition, place)
  WHERE rank BETWEEN CASE WHEN attach_wanted THEN 57 ELSE 50 END AND 69 ORDER BY place);
{{create_hypertable}}
PERFORM set_config('search_path', '', true);
{{attach_partitions}}

SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO column_list
FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
PERFORM set_config('search_path', callers_path, true);
EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s', full_name, column_list, column_list, held);
SET CONSTRAINTS ALL IMMEDIATE;
{{with_indexes}}

PERFORM set_config('search_path', '', true);
FOREACH statement IN ARRAY repointing LOOP
  EXECUTE statement;
END LOOP;
FOR number IN 1 .. cardinality(definitions_before) LOOP
  IF ranks_before[number] >= 70 THEN
    EXECUTE definitions_before[number];
  END IF;
END LOOP;
PERFORM set_config('default_tablespace', '', true);

{{new_objects}}
unwanted_indexes := ARRAY(SELECT indexrelid FROM pg_index
                          WHERE indrelid = target AND NOT indexrelid::regclass::text = ANY (indexes_before));
