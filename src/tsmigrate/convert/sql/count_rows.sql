-- Not those of tables that inherit from it, and not those of another server: such a table is refused.
IF facts.is_time AND NOT EXISTS (
  SELECT FROM pg_inherits WHERE inhparent = target AND facts.relkind = 'r'
  UNION ALL SELECT FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid AND c.relkind = 'f'
) THEN
  further_counts := format(', count(*) FILTER (WHERE %1$I IS NULL), count(*) FILTER (WHERE NOT %2$s), %3$s, %4$s',
    time_column, facts.time_is_finite,
    format(facts.time_as_number, format('min(%I) FILTER (WHERE %s)', time_column, facts.time_is_finite)),
    format(facts.time_as_number, format('max(%I) FILTER (WHERE %s)', time_column, facts.time_is_finite)));
  {{rows}}
ELSE
  EXECUTE format('SELECT count(*) FROM ONLY %s', target) INTO counted;
END IF;
-- Only where there could be too many chunks for the server's lock table are they counted exactly.
IF wanted_length > 0 THEN
  expected_chunks := least((floor(latest / wanted_length) - floor(earliest / wanted_length) + 1)
                           * coalesce(hash_partitions, 1), counted);
  IF expected_chunks * facts.locks_a_chunk > facts.lock_room THEN
    EXECUTE format('SELECT count(*) * $2 FROM (SELECT DISTINCT floor(%s / $1) FROM %s WHERE %s) AS starts',
                   format(facts.time_as_number, quote_ident(time_column)), target, facts.time_is_finite)
    INTO expected_chunks USING wanted_length, coalesce(hash_partitions, 1);
  END IF;
END IF;
