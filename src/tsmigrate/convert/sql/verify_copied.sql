{{rows}}
IF (counted, checksum) IS DISTINCT FROM (counted_before, checksum_before) THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('%s had %s rows (checksum %s) and as a hypertable would have %s (checksum %s)',
                     table_name, counted_before, checksum_before, counted, checksum),
    HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way, such as an event trigger.';
END IF;
