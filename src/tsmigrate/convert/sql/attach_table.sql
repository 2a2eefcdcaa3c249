DECLARE
  {{declare_conversion}}
  heap_before oid;
  written_before bigint;  -- rows, by this transaction
  earliest text;
  latest text;
  rows_span jsonb;        -- from the first row to just after the last
  found_reasons text[];
  found_mends text[];
  {{declare_definitions}}
BEGIN
  {{attach_support}}
  {{refuse}}
  {{settings_for_speed}}
  {{preflight}}
  without_rows := coalesce(counted = 0, false);
  {{attach_preflight}}
  {{refuse}}
  {{warnings}}
  counted_before := counted;
  heap_before := pg_relation_filenode(target);
  written_before := pg_stat_get_xact_tuples_inserted(target) + pg_stat_get_xact_tuples_updated(target)
                    + pg_stat_get_xact_tuples_deleted(target);

  {{set_aside}}
  IF was_nullable THEN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', target, time_column);
  END IF;
  PERFORM set_config('check_function_bodies', 'off', true);
  PERFORM set_config('default_tablespace', '', true);
  full_name := target::text;
  -- Twice: of the table, to make the hypertable by; and of the hypertable, to compare.
  FOR pass IN 1 .. 2 LOOP
    {{capture}}
    IF pass = 1 THEN
      definitions_before := definitions;
      {{step_aside}}
      {{attach_chunk}}
    END IF;
  END LOOP;
  {{compare_definitions}}

  {{triggers_back}}
  {{verify_attached}}
  {{give_back}}
  {{settings_back}}
  {{tell_attached}}
  IF facts.extension_version < {{attaches_cleanly}} THEN
    {{tell_old}}
  END IF;
END;
