-- A partitioned table: an empty hypertable takes its name and all that is said of it. Its rows move there, or its
-- partitions become chunks; it waits aside, with the partitions that it keeps, for the way back.
DECLARE
  attach_wanted bool := {{attach_wanted}};  -- where a partition permits it
  or_copied bool := {{or_copied}};  -- where the server does not
  {{declare_conversion}}
  checksum numeric;
  checksum_before numeric;
  further_counts text;
  earliest numeric;
  latest numeric;
  found_reasons text[];
  found_mends text[];
  callers_tablespace text := current_setting('default_tablespace');
  {{declare_definitions}}
  ranks_before int[];
  number_of_index int := 0;  -- which is being built
  indexes_to_build int;
  column_list text;
  -- Its partitions
  partition_trigger_modes text[];  -- where a partition's copy of a trigger is enabled in its own way
  own_triggers_off text[];
  own_triggers_on text[];
  partition record;
  other_hold name;
  holds jsonb;             -- each schema aside, with the one whose partitions it keeps
  lower_bound text;
  upper_bound text;
  has_rows bool;
  attached jsonb := '[]';  -- the partitions that have become chunks, as they were
BEGIN
  {{partitions_attach_support}}
  {{settings_for_speed}}
  {{preflight}}
  IF facts.owned THEN
    SELECT array_agg(reason), array_agg(mend) INTO found_reasons, found_mends
    FROM (
      {{anew_preflight}}
      ORDER BY 1, 2
    ) AS found (rank, reason, mend);
    reasons := reasons || found_reasons;
    mends := mends || found_mends;
    -- Dependents are found, and definitions written, with every name in full. Compiling those queries takes longer than they.
    PERFORM set_config('jit', 'off', true);
    PERFORM set_config('search_path', '', true);
    {{find_dependents}}
    PERFORM set_config('search_path', callers_path, true);
  END IF;
  {{refuse}}
  {{warnings}}
  counted_before := counted;
  checksum_before := checksum;

  PERFORM set_config('search_path', '', true);
  partition_trigger_modes := ARRAY(
    SELECT format('ALTER TABLE ONLY %s %s TRIGGER %I', t.tgrelid::regclass,
                  CASE t.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                   ELSE 'ENABLE ALWAYS' END, t.tgname)
    FROM pg_trigger t JOIN pg_trigger parent ON parent.oid = t.tgparentid
    JOIN pg_partition_tree(target) AS tree ON tree.relid = t.tgrelid
    WHERE NOT parent.tgisinternal AND (t.tgenabled <> 'O' OR parent.tgenabled <> 'O')
    ORDER BY tree.level, 1);
  {{set_aside}}
  trigger_modes := trigger_modes || partition_trigger_modes;
  was_nullable := false;  -- the table that waits aside stays as it is
  PERFORM set_config('check_function_bodies', 'off', true);
  PERFORM set_config('default_tablespace', '', true);
  PERFORM set_config('DateStyle', 'ISO', true);
  full_name := target::text;
  -- Twice: of the partitioned table, to make the hypertable by; and of the hypertable, to compare.
  FOR pass IN 1 .. 2 LOOP
    {{capture}}
    IF pass = 1 THEN
      ranks_before := ranks;
      definitions_before := definitions;
      {{step_aside}}
      {{partitions_aside}}
      {{partitions_become_chunks}}
    END IF;
  END LOOP;
  {{compare_definitions}}

  {{verify_copied}}
  {{verify_repointed}}
  {{empty_partitions}}

  {{triggers_back}}
  {{give_back}}
  {{settings_back}}
END;
