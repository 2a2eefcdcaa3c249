PERFORM set_config('search_path', '', true);
FOREACH statement IN ARRAY triggers LOOP
  EXECUTE statement;
END LOOP;
PERFORM set_config('search_path', callers_path, true);
