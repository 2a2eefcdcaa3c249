-- The rows stay in their file, which no statement here writes: their number and their range say enough, in one scan.
EXECUTE format('SELECT count(*), %s FROM ONLY %s',
  CASE WHEN facts.is_time AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = target) THEN
    format('count(*) FILTER (WHERE %1$I IS NULL), count(*) FILTER (WHERE NOT %2$s), '
           'jsonb_build_array(min(%1$I), max(%1$I)::%3$s + %4$s)',
           time_column, facts.time_is_finite, CASE WHEN facts.time_type LIKE 'int%' THEN 'numeric' ELSE facts.time_type END,
           CASE WHEN facts.time_type LIKE 'timestamp%' THEN 'interval ''1 microsecond''' ELSE '1' END)
  ELSE '0, 0, NULL' END, target)
INTO counted, missing, infinite, rows_span;
expected_chunks := 1;
