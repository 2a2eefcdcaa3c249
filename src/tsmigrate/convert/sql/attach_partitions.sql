IF attach_wanted THEN
  FOR partition IN
    SELECT c.oid::regclass AS name, format('%I.%I', holds ->> n.nspname, c.relname) AS known_as, pg_get_expr(c.relpartbound, c.oid) AS bounds, pg_get_partition_constraintdef(c.oid) AS holds,
           CASE
             WHEN hash_column IS NOT NULL THEN 'the rows of one chunk cannot be spread by a hash dimension'
             WHEN p.partstrat <> 'r' OR p.partnatts <> 1 OR p.partattrs[0] <> facts.attnum THEN
               format('%s is not partitioned by ranges of %I', table_name, time_column)
             WHEN c.relkind = 'p' THEN 'it has partitions itself'
             WHEN c.oid = p.partdefid THEN 'it is the default partition'
             WHEN pg_get_expr(c.relpartbound, c.oid) ~ 'MINVALUE|MAXVALUE|infinity' THEN 'its range is open'
             WHEN c.relname = facts.relname THEN 'it has the name of the table'
             WHEN c.relowner <> t.relowner THEN 'it has another owner'
             WHEN c.relpersistence <> t.relpersistence THEN 'its rows are logged in another way'
             WHEN c.relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) THEN 'it has row security of its own'
             WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal) THEN 'it has triggers of its own'
             WHEN EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid) THEN 'it has rules'
             WHEN NOT a.attnotnull THEN format('its column %I may be NULL', time_column)
           END AS reason
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class t ON t.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_partitioned_table p ON p.partrelid = t.oid
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = time_column
    WHERE t.oid = held::regclass
    ORDER BY c.relname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition.name) INTO has_rows;
    CONTINUE WHEN NOT has_rows;
    statement := partition.reason;
    IF statement IS NULL THEN
      DECLARE
        target regclass := partition.name;
        relations oid[] := ARRAY[target::oid];
        doomed_functions oid[] := '{}';
        doomed_names text[] := '{}';
        unwanted_indexes oid[] := '{}';
        unwanted_foreign_keys oid[] := '{}';
        ends text[] := regexp_match(partition.bounds, '^FOR VALUES FROM \(''?(.*?)''?\) TO \(''?(.*?)''?\)$');
        slice jsonb;
        kept jsonb;  -- the names of its indexes and constraints
      BEGIN
        EXECUTE format('SELECT jsonb_build_array($1::%1$s, $2::%1$s)', facts.time_type) INTO slice USING ends[1], ends[2];
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', held, partition.name);
        {{capture}}
        SELECT jsonb_agg(name) INTO kept FROM (
          SELECT conname FROM pg_constraint WHERE conrelid = target
          UNION SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid WHERE indrelid = target) AS k (name);
        EXECUTE format('CALL %I.attach_chunk(%L::regclass, %L::regclass, %L::jsonb)', extension_schema, full_name, partition.name,
                       jsonb_build_object(time_column, slice));
        attached := attached || jsonb_build_object(
          'name', partition.name, 'known_as', partition.known_as, 'bounds', partition.bounds, 'holds', partition.holds, 'ranks', ranks, 'definitions', definitions,
          'kept', kept);
      EXCEPTION WHEN feature_not_supported OR check_violation OR datatype_mismatch OR SQLSTATE 'TS503' THEN
        statement := SQLERRM;
      END;
    END IF;
    IF statement IS NOT NULL THEN
      {{tell_partition_copied}}
    END IF;
  END LOOP;
END IF;
