-- The rows stay in their file, which no statement here writes: their number and their range say enough, in one scan.
EXECUTE format(
  'SELECT count(*), count(*) FILTER (WHERE %1$I IS NULL), count(*) FILTER (WHERE %2$s), '
  'jsonb_build_array(min(%1$I), max(%1$I)::%3$s + %4$s) FROM ONLY %5$s',
  time_column, CASE WHEN time_type LIKE 'int%' THEN 'false' ELSE format('NOT isfinite(%I)', time_column) END,
  CASE WHEN time_type LIKE 'int%' THEN 'numeric' ELSE time_type END,
  CASE WHEN time_type IN ('timestamp', 'timestamptz') THEN 'interval ''1 microsecond''' ELSE '1' END, target)
INTO counted, missing, infinite, span;
