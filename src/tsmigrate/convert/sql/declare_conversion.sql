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
counted_before bigint;
missing bigint;
infinite bigint;
expected_chunks bigint;  -- never fewer than there will be
reasons text[] := '{}';
mends text[] := '{}';
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
rebuilding text[] := '{}';  -- keys, indexes and foreign keys that are made after the rows have moved
