DECLARE
  -- What is asked
  table_name text := {{table}};
  time_column name := {{column}};
  wanted_interval text := {{interval}};
  is_integer_interval bool := {{is_integer_interval}};
  hash_column name := {{hash_column}};
  hash_partitions int := {{hash_partitions}};
  now_function text := {{integer_now}};
  migrate bool := {{migrate_data}};
  default_indexes bool := {{default_indexes}};
  -- What is found
  target regclass := to_regclass(table_name);
  facts record;
  hypertables oid[];       -- all there are
  already_on name;         -- the partition column, where the table is one of them
  wanted_length numeric;   -- the interval in seconds, or in the column's unit; NULL: it is none
  extension_schema name;
  counted bigint;
  checksum numeric;
  counted_before bigint;
  checksum_before numeric;
  further_counts text;
  missing bigint;
  infinite bigint;
  earliest numeric;
  latest numeric;
  expected_chunks bigint;  -- never fewer than there will be
  reasons text[] := '{}';
  mends text[] := '{}';
  statement text;
  {{settings_found}}
  callers_tablespace text := current_setting('default_tablespace');
  -- What must come back
  was_nullable bool;
  indexes_before text[];
  publications text[];
  trigger record;
  triggers text[] := '{}';
  trigger_modes text[] := '{}';
  triggers_kept_off text[] := '{}';
  remembered jsonb;
  -- What is made again
  relations oid[];              -- the table, whose definitions are kept
  unwanted_indexes oid[];       -- of which not, since they stay
  unwanted_foreign_keys oid[];  -- likewise
  rebuilding text[] := '{}';
  number_of_index int := 0;     -- which is being built
  indexes_to_build int;
BEGIN
  {{settings_for_speed}}
  {{preflight}}
  {{refuse}}
  {{warnings}}
  counted_before := counted;
  checksum_before := checksum;

  {{set_aside}}

  PERFORM set_config('application_name', 'tsmigrate: moving rows', true);
  {{create_hypertable}}

  {{with_indexes}}

  {{triggers_back}}

  PERFORM set_config('application_name', 'tsmigrate: checking rows again', true);
  {{rows}}
  IF (counted, checksum) IS DISTINCT FROM (counted_before, checksum_before) THEN
    RAISE EXCEPTION USING ERRCODE = {{mismatch}},
      MESSAGE = format('%s had %s rows (checksum %s) and as a hypertable would have %s (checksum %s)',
                       table_name, counted_before, checksum_before, counted, checksum),
      HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way, such as an event trigger.';
  END IF;

  {{give_back}}
  {{settings_back}}
END
