PERFORM set_config('application_name', 'tsmigrate: checking rows again', true);
{{rows}}
IF (counted, checksum) IS DISTINCT FROM (counted_before, checksum_before) THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('%s had %s rows (checksum %s) as a hypertable and as a plain table would have %s (checksum %s)',
                     table_name, counted_before, checksum_before, counted, checksum),
    HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way.';
END IF;

PERFORM set_config('search_path', '', true);
{{new_objects}}
unwanted_indexes := '{}';
