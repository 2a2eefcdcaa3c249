PERFORM set_config('application_name', 'tsmigrate: checking rows again', true);
{{rows}}
IF (counted, checksum) IS DISTINCT FROM (counted_before, checksum_before) THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('%s had %s rows (checksum %s) as a hypertable and as a plain table would have %s (checksum %s)',
                     table_name, counted_before, checksum_before, counted, checksum),
    HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way.';
END IF;

-- The new objects, under the old names.
PERFORM set_config('search_path', '', true);
relations := ARRAY(SELECT name::regclass FROM unnest(relation_names) WITH ORDINALITY AS r (name, place) ORDER BY place);
doomed_functions := ARRAY(SELECT name::regprocedure FROM unnest(function_names) WITH ORDINALITY AS f (name, place) ORDER BY place);
unwanted_indexes := '{}';
