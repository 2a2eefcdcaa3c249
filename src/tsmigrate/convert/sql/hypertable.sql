DECLARE
  {{declare_conversion}}
  checksum numeric;
  checksum_before numeric;
  further_counts text;
  earliest numeric;
  latest numeric;
  callers_tablespace text := current_setting('default_tablespace');
  -- What is made again
  relations oid[];              -- the table, whose definitions are kept
  unwanted_indexes oid[];       -- of which not, since they stay
  unwanted_foreign_keys oid[];  -- likewise
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
  {{verify_copied}}

  {{give_back}}
  {{settings_back}}
END
