IF is_last THEN
  rows_from := format('%s WHERE %s', chunk_name, staying);
  {{rows}}
ELSE
  checksum := NULL; -- No statement touches them: to count them is enough.
  EXECUTE format('SELECT count(*) FROM %s WHERE %s', chunk_name, staying) INTO counted;
END IF;
