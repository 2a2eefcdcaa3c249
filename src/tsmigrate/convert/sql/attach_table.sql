DECLARE
  -- What is asked
  table_name text := {{table}};
  time_column name := {{column}};
  wanted_interval text := {{interval}};
  is_integer_interval bool := {{is_integer_interval}};
  hash_column name := {{hash_column}};
  hash_partitions int := {{hash_partitions}};
  now_function text := {{integer_now}};
  migrate bool := true;
  default_indexes bool := {{default_indexes}};
  -- What is found
  target regclass := to_regclass(table_name);
  facts record;
  hypertables oid[];          -- all there are
  already_on name;            -- the partition column, where the table is one of them
  wanted_length numeric;      -- the interval in seconds, or in the column's unit; NULL: it is none
  extension_schema name;
  counted bigint;
  counted_before bigint;
  heap_before oid;
  written_before bigint;      -- rows, by this transaction
  earliest text;
  latest text;
  rows_span jsonb;            -- from the first row to just after the last
  missing bigint;
  infinite bigint;
  expected_chunks bigint;
  reasons text[] := '{}';
  mends text[] := '{}';
  found_reasons text[];
  found_mends text[];
  statement text;
  {{settings_found}}
  -- What must come back
  was_nullable bool;
  indexes_before text[];
  publications text[];
  trigger record;
  triggers text[] := '{}';
  trigger_modes text[] := '{}';
  triggers_kept_off text[] := '{}';
  remembered jsonb;
  rebuilding text[] := '{}';  -- nothing: indexes stay with the rows
  -- What depends on the table
  doomed_relations oid[];     -- views and materialized views that are dropped and made anew, those they depend on first
  doomed_functions oid[];
  doomed_names text[];        -- both, in the order in which they are made
  relations oid[];            -- whose definitions are kept: the table, its identity sequences and doomed_relations
  relation_names text[];
  function_names text[];
  unwanted_indexes oid[] := '{}';
  unwanted_foreign_keys oid[] := '{}';
  detaching text[];
  repointing text[];
  -- Definitions: statements with the place in which each is run
  ranks int[];
  definitions text[];
  definitions_before text[];
  said_otherwise text;
  number int;
  hold name;
  held text;
  full_name text;
  identity record;
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
