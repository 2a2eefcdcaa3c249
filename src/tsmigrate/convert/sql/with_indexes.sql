-- An index's expression may call functions that look for others where the caller does.
PERFORM set_config('search_path', concat_ws(', ', 'pg_catalog', nullif(callers_path, '')), true);
SELECT count(*) INTO indexes_to_build
FROM unnest(rebuilding) AS r (said) WHERE said LIKE 'SET LOCAL default_tablespace%';
FOREACH statement IN ARRAY rebuilding LOOP
  {{tell_index}}
  EXECUTE statement;
END LOOP;
PERFORM set_config('default_tablespace', callers_tablespace, true);

{{make_default_indexes}}
