DECLARE
  table_name text := {{table}};
  chunk_name text := {{chunk}};
  target regclass := to_regclass(table_name);
  chunk regclass;
  lower_end bigint := {{lower_end}};            -- where the chunk begins afterwards
  cut_at bigint := {{cut_at}};                  -- and ends
  upper_end bigint := {{upper_end}};            -- where it ended; all three as TimescaleDB counts time
  is_last bool := {{is_last}};
  wanted_interval text := {{interval}};
  facts record;
  extension_schema name;
  column_list text;
  moving text;                -- conditions
  moved text;
  staying text;
  counted bigint;
  checksum numeric;
  moved_before text;
  stayed_before text;
  rows_from text;
  triggers text[];
  statement text;
  callers_path text := current_setting('search_path');
BEGIN
  {{lock}}
  chunk := to_regclass(chunk_name);
  {{split_facts}}
  SELECT n.nspname INTO extension_schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  WHERE e.extname = 'timescaledb';
  -- To compile these queries takes longer than to run them. Definitions are written with every name in full.
  PERFORM set_config('jit', 'off', true);
  PERFORM set_config('search_path', '', true);

  -- The rows of the cut, first where they are.
  SELECT format('%I >= %s', facts.time_column, bound), format('%1$I >= %2$s AND %1$I < %3$s', facts.time_column, bound, other),
         format('%I < %s', facts.time_column, bound)
  INTO moving, moved, staying
  FROM (SELECT format(facts.moment, cut_at), format(facts.moment, upper_end)) AS bounds (bound, other);
  IF facts.forced THEN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target);
  END IF;
  rows_from := format('%s WHERE %s', chunk_name, moving);
  {{rows}}
  moved_before := format('%s rows (checksum %s)', counted, checksum);
  {{split_stayed}}
  stayed_before := format('%s rows (checksum %s)', counted, checksum);

  -- Triggers must not see the rows move: those of the hypertable are those of its chunks.
  triggers := ARRAY(SELECT concat_ws(E';\n', definition, set_mode) FROM (
    {{trigger_definitions}}
  ) AS found);
  FOR statement IN
    SELECT format('DROP TRIGGER %I ON %s', tgname, target) FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid
    WHERE tgrelid = target AND NOT tgisinternal AND p.pronamespace::regnamespace::text NOT LIKE '\_timescaledb%'
  LOOP
    EXECUTE statement;
  END LOOP;

  -- While the chunk is none, rows of its time make chunks of the interval. Their aggregates stay as they are.
  EXECUTE format('CALL %I.detach_chunk(%L::regclass)', extension_schema, chunk_name);
  FOR statement IN
    SELECT format('DROP TRIGGER %I ON %s', tgname, chunk) FROM pg_trigger WHERE tgrelid = chunk AND NOT tgisinternal
    UNION ALL
    {{orphaned_columns}}
  LOOP
    EXECUTE statement;
  END LOOP;
  PERFORM set_config(name, 'on', true) FROM pg_settings WHERE name = 'timescaledb.skip_cagg_invalidation'; -- since 2.28
  IF wanted_interval IS NOT NULL THEN
    EXECUTE format('SELECT %I.set_chunk_time_interval($1, $2::%s)', extension_schema, facts.interval_type) USING target, wanted_interval;
  END IF;
  SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO column_list
  FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  PERFORM set_config('search_path', callers_path, true);
  EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s WHERE %s',
                 target, column_list, column_list, chunk_name, moving);
  IF is_last THEN
    -- Deleted rows keep their place in the file, which was the whole table's: the few that stay get a new one.
    EXECUTE format('CREATE TEMPORARY TABLE tsmigrate_stayed ON COMMIT DROP AS SELECT * FROM %s WHERE %s', chunk_name, staying);
    EXECUTE format('TRUNCATE %s', chunk_name);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM pg_temp.tsmigrate_stayed',
                   chunk_name, column_list, column_list);
  ELSE
    EXECUTE format('DELETE FROM %s WHERE %s', chunk_name, moving);
  END IF;
  SET CONSTRAINTS ALL IMMEDIATE;
  PERFORM set_config('search_path', '', true);
  IF wanted_interval IS NOT NULL THEN
    EXECUTE format('SELECT %I.set_chunk_time_interval($1, $2::%s)', extension_schema, facts.interval_type)
    USING target, facts.interval_before;
  END IF;

  -- Both sides must be what they were, and the chunk may hold no row of the other's: attaching checks that too.
  rows_from := format('%s WHERE %s', target, moved);
  {{rows}}
  IF format('%s rows (checksum %s)', counted, checksum) <> moved_before THEN
    RAISE EXCEPTION USING ERRCODE = {{mismatch}},
      MESSAGE = format('%s were to move out of %s, and %s rows (checksum %s) arrived', moved_before, chunk_name, counted, checksum),
      HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way.';
  END IF;
  {{split_stayed}}
  IF format('%s rows (checksum %s)', counted, checksum) <> stayed_before THEN
    RAISE EXCEPTION USING ERRCODE = {{mismatch}},
      MESSAGE = format('%s were to stay in %s, and %s rows (checksum %s) are there', stayed_before, chunk_name, counted, checksum),
      HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way.';
  END IF;
  EXECUTE format('CALL %I.attach_chunk(%L::regclass, %L::regclass, %L::jsonb)', extension_schema, table_name, chunk_name,
                 jsonb_build_object(facts.time_column, jsonb_build_array(lower_end, cut_at)));

  PERFORM set_config('search_path', callers_path, true);
  FOREACH statement IN ARRAY triggers LOOP
    EXECUTE statement;
  END LOOP;
  IF facts.forced THEN
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  END IF;
END
