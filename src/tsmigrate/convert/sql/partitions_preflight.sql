-- It waits aside, without rows; the chunks that were partitions go back to it.
IF to_regclass(partitioned ->> 'table') IS NULL THEN
  reasons := ARRAY[format('%s, which waited aside with its partitions, is gone', partitioned ->> 'table')];
  mends := ARRAY['Create the partitioned table there again, as it was, or restore it from a backup.'];
ELSE
  EXECUTE format('SELECT count(*) FROM %s', partitioned ->> 'table') INTO counted;
  IF counted > 0 THEN
    reasons := ARRAY[format('%s rows were written to %s, which waits aside', counted, partitioned ->> 'table')];
    mends := ARRAY[format('Move them into %s, or delete them.', table_name)];
  END IF;
  SELECT format(', count(*) FILTER (WHERE (%s) IS NOT TRUE)', coalesce(string_agg(format('(%s)', held_rows), ' OR '), 'false'))
  INTO further_counts
  FROM (
    SELECT coalesce(pg_get_partition_constraintdef(relid), 'true')
    FROM pg_partition_tree(to_regclass(partitioned ->> 'table')) WHERE isleaf AND level > 0
    UNION ALL
    SELECT value ->> 'holds' FROM jsonb_array_elements(partitioned -> 'attached')
    WHERE EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(value ->> 'name') AND inhparent = target)
  ) AS leaves (held_rows);
END IF;
