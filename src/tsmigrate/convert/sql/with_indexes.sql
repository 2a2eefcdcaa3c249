-- An index's expression may call functions that look for others where the caller does.
PERFORM set_config('search_path', concat_ws(', ', 'pg_catalog', nullif(callers_path, '')), true);
FOREACH statement IN ARRAY rebuilding LOOP
  EXECUTE statement;
END LOOP;
PERFORM set_config('default_tablespace', callers_tablespace, true);

{{make_default_indexes}}
