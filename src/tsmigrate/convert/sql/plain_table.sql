DECLARE
  table_name text := {{table}};
  target regclass := to_regclass(table_name);
  facts record;
  time_column name;
  extension_there bool := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
  reasons text[] := '{}';
  mends text[] := '{}';
  found_reasons text[];
  found_mends text[];
  remembered jsonb;
  {{settings_found}}
  forced bool;
  {{declare_definitions}}
  ranks_before int[];
  statement text;
  number_of_index int := 0;  -- which is being built
  indexes_to_build int;
  column_list text;
  attached text;            -- what was the table, if it was attached and is still a chunk, or waits aside with its partitions
  attached_in text[];       -- the schemas that were made for it
  partitioned jsonb;        -- what is remembered of a table that was partitioned
  partition record;
  own_triggers_off text[];
  own_triggers_on text[];
  goal text := 'a plain table';
  further_counts text := ', 0';
  homeless bigint;          -- rows that no partition holds
  extension_schema name;
  counted bigint;
  checksum numeric;
  counted_before bigint;
  checksum_before numeric;
BEGIN
  {{settings_for_speed}}
  {{revert_preflight}}

  {{look}}
  partitioned := remembered -> 'partitioned';
  IF partitioned IS NOT NULL THEN
    goal := 'a partitioned table';
    {{partitions_preflight}}
    {{refuse}}
  END IF;

  PERFORM set_config('application_name', 'tsmigrate: waiting for the lock', true);
  {{lock}}
  -- Definitions are written, and dependents found, with every name in full.
  PERFORM set_config('search_path', '', true);
  {{find_dependents}}
  PERFORM set_config('search_path', callers_path, true);
  {{refuse}}

  SELECT relforcerowsecurity INTO forced FROM pg_class WHERE oid = target;
  IF forced THEN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target);
  END IF;
  PERFORM set_config('application_name', 'tsmigrate: checking rows', true);
  {{rows}}
  IF homeless > 0 THEN
    reasons := ARRAY[format('%s of its rows fit none of its partitions', homeless)];
    mends := ARRAY[format('Make a partition for them: CREATE TABLE … PARTITION OF %s … (or DEFAULT); or delete them.', partitioned ->> 'table')];
    {{refuse}}
  END IF;
  counted_before := counted;
  checksum_before := checksum;

  PERFORM set_config('search_path', '', true);
  PERFORM set_config('check_function_bodies', 'off', true);
  full_name := target::text;
  {{recall}}
  {{find_unwanted_indexes}}
  {{find_attached}}
  LOOP
    BEGIN
      -- Of the hypertable, to make the plain table by; of the table that was attached; and of the plain table, to compare.
      FOR pass IN 1 .. 3 LOOP
        CONTINUE WHEN pass = 2 AND attached IS NULL;
        {{capture}}
        IF pass = 1 THEN
          ranks_before := ranks;
          definitions_before := definitions;
          IF attached IS NOT NULL THEN
            {{original_back}}
            CONTINUE;
          END IF;
          {{move_rows}}
        ELSIF pass = 2 THEN
          {{say_the_rest}}
        ELSE
          EXIT;
        END IF;
        {{verify_rows}}
      END LOOP;
      {{verify_definitions}}
      EXIT;
    EXCEPTION WHEN SQLSTATE {{mismatch}} OR feature_not_supported THEN
      IF attached IS NULL OR partitioned IS NOT NULL THEN
        RAISE;
      END IF;
      {{tell_copied}}
      {{not_attached}}
    END;
  END LOOP;
  IF attached_in IS NOT NULL THEN
    {{drop_attached_schema}}
  END IF;

  {{apply_memory}}
  IF forced THEN
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', full_name);
  END IF;
  {{settings_back}}
END
