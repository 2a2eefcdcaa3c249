-- One scan, for no more than is needed: the rows stay in their file, which no statement here writes.
IF facts.is_time AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = target) THEN
  EXECUTE format('SELECT count(*), count(*) - count(%1$I), min(%1$I)::text, max(%1$I)::text FROM ONLY %2$s', time_column, target)
  INTO counted, missing, earliest, latest;
  EXECUTE format('SELECT jsonb_build_array($1::%1$s, $2::%1$s::%2$s + %3$s)', facts.time_type,
                 CASE WHEN facts.time_type LIKE 'int%' THEN 'numeric' ELSE facts.time_type END,
                 CASE WHEN facts.time_type LIKE 'timestamp%' THEN 'interval ''1 microsecond''' ELSE '1' END)
  INTO rows_span USING earliest, latest;
  IF earliest = '-infinity' OR latest = 'infinity' THEN
    EXECUTE format('SELECT count(*) FROM ONLY %s WHERE NOT %s', target, facts.time_is_finite) INTO infinite;
  END IF;
ELSE
  EXECUTE format('SELECT count(*) FROM ONLY %s', target) INTO counted;
END IF;
expected_chunks := 1;
