SELECT c.relkind, pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner,
       n.nspname, c.relname, n.oid AS schema
INTO facts FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target;

IF target IS NULL THEN
  reasons := ARRAY['there is no such table'];
  mends := ARRAY['Check the name and its schema; names are case-sensitive.'];
ELSIF NOT facts.owned THEN
  reasons := ARRAY[format('%I may not change it', current_user)];
  mends := ARRAY[format('Run it as its owner, %I, or a member of that role.', facts.owner)];
ELSIF extension_there THEN
  SELECT column_name INTO time_column FROM timescaledb_information.dimensions
  WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND dimension_number = 1;
END IF;
IF target IS NOT NULL AND facts.owned AND time_column IS NULL THEN
  reasons := reasons || 'it is not a hypertable'::text;
  mends := mends || 'There is nothing to take back.'::text;
END IF;
{{refuse}}

-- Each row is a reason and its mend.
SELECT array_agg(reason), array_agg(mend) INTO found_reasons, found_mends
FROM (
  -- From 18 on a NOT NULL is a constraint with a name and a comment, which the way back does not carry over.
  SELECT 0, 'it is on PostgreSQL 18 or later, whose named NOT NULL constraints would be lost',
         'Use PostgreSQL 17 or earlier for now.'
  WHERE current_setting('server_version_num')::int >= 180000
  UNION ALL
  SELECT 1, format('the continuous aggregate %I.%I reads it', view_schema, view_name),
         'Take back create_continuous_aggregate first.'
  FROM timescaledb_information.continuous_aggregates
  WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname)
  UNION ALL
  SELECT 2, format('the job %s (%s) works on it', job_id, proc_name),
         CASE proc_name WHEN 'policy_retention' THEN 'Take back add_retention_policy first.'
              WHEN 'policy_compression' THEN 'Take back add_columnstore_policy first.'
              WHEN 'policy_reorder' THEN 'Take back add_reorder_policy first.'
              ELSE format('Remove it first: SELECT delete_job(%s)', job_id) END
  FROM timescaledb_information.jobs
  WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND job_id >= 1000
  UNION ALL
  SELECT 3, format('%s of its chunks are in the columnstore', count(*)), 'Take back compress_chunks first.'
  FROM timescaledb_information.chunks
  WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND is_compressed
  HAVING count(*) > 0
  UNION ALL
  SELECT 4, 'its columnstore is enabled', 'Take back set_columnstore first.'
  FROM timescaledb_information.hypertables
  WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND compression_enabled
  UNION ALL
  -- Reading and dropping it locks every chunk with its indexes and TOAST table until the transaction ends.
  SELECT 5, format('it has %s chunks, and the server''s lock table has room for %s locks where %s are needed',
                   chunks, room, needed),
         format('Set max_locks_per_transaction to %s or more and restart the server.', ceil(needed * 1.1 / places))
  FROM (SELECT count(*) AS chunks,
               sum(1 + (SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
                     + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END) AS needed,
               current_setting('max_locks_per_transaction')::int * max(places.places) AS room, max(places.places) AS places
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
             (SELECT current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS places (places)
        WHERE i.inhparent = target) AS locks
  WHERE needed > room
  UNION ALL
  {{anew_preflight}}
  UNION ALL
  SELECT 9, 'the transaction does not read what others commit meanwhile (it is not READ COMMITTED)',
         'Run it in a READ COMMITTED transaction.'
  WHERE current_setting('transaction_isolation') <> 'read committed'
  ORDER BY 1, 2
) AS found (rank, reason, mend);
reasons := reasons || found_reasons;
mends := mends || found_mends;
{{refuse}}
