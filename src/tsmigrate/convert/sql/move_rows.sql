{{step_aside}}

{{make_table}}

SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO column_list
FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND attgenerated = '';
PERFORM set_config('search_path', callers_path, true);
PERFORM set_config('application_name', 'tsmigrate: moving rows', true);
EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s', full_name, column_list, column_list, held);

SELECT count(*) INTO indexes_to_build
FROM unnest(ranks, definitions) AS d (rank, said) WHERE rank = 50 AND said LIKE 'SET LOCAL default_tablespace%';
FOR number IN 1 .. cardinality(definitions) LOOP
  IF ranks[number] BETWEEN 50 AND 69 THEN
    statement := definitions[number];
    {{tell_index}}
    EXECUTE statement;
  END IF;
END LOOP;
{{make_the_rest}}
