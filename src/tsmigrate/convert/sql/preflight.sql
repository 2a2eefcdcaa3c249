-- What keeps the table from being locked at all.
SELECT c.relkind, c.relpersistence, c.relforcerowsecurity, c.reloftype, c.relname, n.nspname, n.oid AS schema,
       pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner,
       a.attnum, a.attnotnull, a.attgenerated, t.typname, t.typtype, format_type(a.atttypid, NULL) AS type,
       h.attnum AS hash_attnum
INTO facts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = time_column AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attribute h ON h.attrelid = c.oid AND h.attname = hash_column AND h.attnum > 0 AND NOT h.attisdropped
WHERE c.oid = target;

SELECT n.nspname, string_to_array(substring(e.extversion FROM '^[0-9.]+'), '.')::int[]
INTO extension_schema, extension_version
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb';

IF target IS NULL THEN
  reasons := ARRAY['there is no such table'];
  mends := ARRAY['Check the name and its schema; names are case-sensitive.'];
ELSIF facts.relkind <> 'r' THEN
  reasons := ARRAY[format('it is %s', CASE facts.relkind
    WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'
    WHEN 'p' THEN 'a partitioned table' ELSE 'no table' END)];
  mends := ARRAY[CASE facts.relkind WHEN 'p' THEN 'Copy its rows into a plain table and convert that one.'
                                    ELSE 'Name a plain table.' END];
ELSIF NOT facts.owned THEN
  reasons := ARRAY[format('%I may not change it', current_user)];
  mends := ARRAY[format('Run it as its owner, %I, or a member of that role.', facts.owner)];
ELSE
  {{lock}}
  -- An owner under FORCE would count, and move, only the rows that policies show (create_hypertable: 0A000).
  IF facts.relforcerowsecurity THEN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target);
  END IF;
END IF;

is_time := facts.typname IN ('date', 'timestamp', 'timestamptz', 'int2', 'int4', 'int8') AND facts.typtype = 'b';
time_type := facts.typname;
IF is_time AND facts.relkind = 'r' AND facts.owned AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = target) THEN
  further_counts := format(', count(*) FILTER (WHERE %I IS NULL), count(*) FILTER (WHERE %s)', time_column,
                           CASE WHEN time_type LIKE 'int%' THEN 'false' ELSE format('NOT isfinite(%I)', time_column) END);
  {{rows}}
ELSIF facts.relkind = 'r' AND facts.owned THEN
  EXECUTE format('SELECT count(*) FROM ONLY %s', target) INTO counted;
END IF;

IF target IS NOT NULL THEN
  -- Each row is a reason and its mend.
  SELECT array_agg(reason), array_agg(mend) INTO found_reasons, found_mends
  FROM (
    -- Named NOT NULL constraints of 18 would be lost on the way back: what cannot be taken back is not begun.
    SELECT 0, 'it is on PostgreSQL 18 or later, from where it could not be taken back', 'Use PostgreSQL 17 or earlier for now.'
    WHERE current_setting('server_version_num')::int >= 180000
    UNION ALL
    SELECT 1, 'it is temporary', 'Name a permanent table.' WHERE facts.relpersistence = 't'
    UNION ALL
    SELECT 1, 'it is unlogged, which TimescaleDB takes from 2.23 on', format('ALTER TABLE %s SET LOGGED', target)
    WHERE facts.relpersistence = 'u' AND extension_version < ARRAY[2, 23]
    UNION ALL
    SELECT 1, format('it is a typed table (OF %s)', facts.reloftype::regtype), format('ALTER TABLE %s NOT OF', target)
    WHERE facts.reloftype <> 0
    UNION ALL
    SELECT 1, format('%s inherits from it', inhrelid::regclass), 'End the inheritance: ALTER TABLE … NO INHERIT.'
    FROM pg_inherits WHERE inhparent = target
      AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgname = 'ts_insert_blocker')
    UNION ALL
    SELECT 1, format('it inherits from %s', inhparent::regclass), 'End the inheritance: ALTER TABLE … NO INHERIT.'
    FROM pg_inherits WHERE inhrelid = target
    UNION ALL
    SELECT 2, format('it has no column %I', time_column), 'Name the partition column; names are case-sensitive.'
    WHERE facts.relkind IN ('r', 'p') AND facts.attnum IS NULL
    UNION ALL
    SELECT 2, format('its column %I is of type %s, which cannot be a partition column', time_column, facts.type),
           CASE facts.typtype WHEN 'd' THEN format('Give %I the base type: ALTER TABLE … ALTER COLUMN … TYPE.', time_column)
                ELSE 'Use a column of type date, timestamp, timestamptz, smallint, integer or bigint.' END
    WHERE facts.relkind IN ('r', 'p') AND facts.attnum IS NOT NULL AND NOT is_time
    UNION ALL
    SELECT 2, format('its column %I is generated', time_column),
           format('ALTER TABLE %s ALTER COLUMN %I DROP EXPRESSION', target, time_column)
    WHERE facts.attgenerated <> ''
    UNION ALL
    SELECT 2, format('it has no column %I', hash_column), 'Name the hash dimension''s column; names are case-sensitive.'
    WHERE facts.relkind IN ('r', 'p') AND hash_column IS NOT NULL AND facts.hash_attnum IS NULL
    UNION ALL
    SELECT 2, format('a hash dimension cannot have %s partitions', hash_partitions), 'Ask for 1 to 32767 partitions.'
    WHERE hash_column IS NOT NULL AND hash_partitions NOT BETWEEN 1 AND 32767
    UNION ALL
    SELECT 2, format('the function %s is not there, or not only once', now_function),
           'Name one function without arguments that returns the column''s type.'
    WHERE now_function IS NOT NULL AND to_regproc(now_function) IS NULL
    UNION ALL
    SELECT 2, format('a function for "now" belongs to integer time, and %I is of type %s', time_column, facts.type),
           'Leave integer_now out.'
    WHERE now_function IS NOT NULL AND is_time AND time_type NOT LIKE 'int%'
    UNION ALL
    -- Uniqueness is kept within a chunk only: INCLUDE columns do not count, and TimescaleDB accepts them silently.
    SELECT 3, format('the %s %I does not hold %I among its key columns',
                     CASE co.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint'
                          WHEN 'x' THEN 'exclusion constraint' ELSE 'unique index' END, ci.relname, a.attname),
           CASE co.contype WHEN 'p' THEN format('Use the operation widen_primary_key on %s.', target)
                WHEN 'x' THEN format('Drop the exclusion constraint %I, or add %I WITH = to it.', ci.relname, a.attname)
                ELSE format('Use the operation widen_unique_constraint for %I.', ci.relname) END
    FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid
    LEFT JOIN pg_constraint co ON co.conindid = i.indexrelid AND co.conrelid = target AND co.contype IN ('p', 'u', 'x')
    JOIN pg_attribute a ON a.attrelid = target AND a.attnum IN (facts.attnum, facts.hash_attnum)
    WHERE i.indrelid = target AND (i.indisunique OR i.indisexclusion)
      AND NOT a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    UNION ALL
    -- Two rows may exclude each other from different chunks, which are not compared.
    SELECT 3, format('the exclusion constraint %I compares %I with %s', co.conname, a.attname, o.oprname),
           format('Drop the exclusion constraint %I, or compare %I with =.', co.conname, a.attname)
    FROM pg_constraint co
    CROSS JOIN LATERAL unnest(co.conkey, co.conexclop) AS k (attnum, operator)
    JOIN pg_operator o ON o.oid = k.operator AND o.oprname <> '='
    JOIN pg_attribute a ON a.attrelid = target AND a.attnum = k.attnum
    WHERE co.conrelid = target AND co.contype = 'x' AND a.attnum IN (facts.attnum, facts.hash_attnum)
    UNION ALL
    SELECT 4, format('%s rows have no %I', missing, time_column), format('Fill %I or delete those rows.', time_column)
    WHERE missing > 0
    UNION ALL
    SELECT 4, format('%s rows have an infinite %I, which no chunk can hold', infinite, time_column),
           format('Give %I a finite value in those rows.', time_column)
    WHERE infinite > 0
    UNION ALL
    SELECT 4, format('it holds %s rows', counted), 'Say migrate_data=True, so that they are moved into chunks.'
    WHERE counted > 0 AND NOT migrate
    UNION ALL
    SELECT 5, format('its foreign key %I points at itself', conname),
           format('Drop it first with the operation drop_foreign_key_to on %s.', target)
    FROM pg_constraint WHERE contype = 'f' AND conrelid = target AND confrelid = target AND counted > 0
    UNION ALL
    -- TRUNCATE, by which the rows leave the root, is refused otherwise (0A000). Before 2.21.1 a foreign key to a
    -- hypertable refuses good rows from the sixth on.
    SELECT 5, format('the foreign key %I of %s points at it%s', k.conname, k.conrelid::regclass,
                     CASE WHEN extension_version < ARRAY[2, 21, 1] THEN ', and TimescaleDB before 2.21.1 would refuse good rows'
                          WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN format(', and %I may not change that table', current_user)
                          WHEN k.is_hypertables THEN ', which as a hypertable cannot point at another'
                          ELSE ', and the triggers behind it are not all enabled' END),
           format('Drop it first with the operation drop_foreign_key_to on %s.', target)
    FROM (SELECT *, EXISTS (SELECT FROM pg_trigger WHERE tgrelid = conrelid AND tgname = 'ts_insert_blocker') AS is_hypertables,
                 EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O') AS sleeps
          FROM pg_constraint k
          WHERE contype = 'f' AND confrelid = target AND conrelid <> target AND conparentid = 0) AS k
    JOIN pg_class c ON c.oid = k.conrelid
    WHERE counted > 0
      AND (extension_version < ARRAY[2, 21, 1] OR NOT pg_has_role(c.relowner, 'USAGE') OR k.is_hypertables OR k.sleeps)
    UNION ALL
    SELECT 5, format('it has the rule %I', rulename), 'Drop the rule; a trigger can do its work.'
    FROM pg_rewrite WHERE ev_class = target AND facts.relkind = 'r'
    UNION ALL
    SELECT 5, format('its check constraint %I is NO INHERIT, and so would not hold in chunks', conname),
           format('Make %I an ordinary check constraint.', conname)
    FROM pg_constraint WHERE conrelid = target AND contype = 'c' AND connoinherit
    UNION ALL
    SELECT 5, format('its row trigger %I has a transition table', tgname), format('Make %I a statement trigger.', tgname)
    FROM pg_trigger
    WHERE tgrelid = target AND NOT tgisinternal AND tgtype & 1 = 1 AND (tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL)
    UNION ALL
    -- Refused by TimescaleDB from 2.28 on; before that, chunks would be published under names no subscriber knows.
    SELECT 5, format('the publication %I is FOR ALL TABLES', pubname), 'Make it a publication of a list of tables.'
    FROM pg_publication WHERE puballtables
    UNION ALL
    SELECT 5, format('%I may not take it out of the publication %I, which cannot hold a hypertable', current_user, pubname),
           format('Run it as a member of %I too, or take the table out of the publication first.', pg_get_userbyid(pubowner))
    FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
    WHERE r.prrelid = target AND NOT pg_has_role(p.pubowner, 'USAGE')
    UNION ALL
    -- An owner can have revoked its own rights.
    SELECT 5, format('%I has no right to %s on it', current_user, needed),
           format('GRANT %s ON %s TO %I', needed, target, current_user)
    FROM unnest(ARRAY['INSERT', 'TRUNCATE', 'TRIGGER']) AS needed
    WHERE facts.relkind = 'r' AND facts.owned AND NOT has_table_privilege(target, needed)
    UNION ALL
    SELECT 6, 'the transaction does not read what others commit meanwhile (it is not READ COMMITTED)',
           'Run it in a READ COMMITTED transaction.'
    WHERE current_setting('transaction_isolation') <> 'read committed'
    UNION ALL
    SELECT 6, 'the server does not preload TimescaleDB', 'Add timescaledb to shared_preload_libraries and restart.'
    WHERE NOT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers')
    UNION ALL
    SELECT 6, 'this database has no TimescaleDB', 'Use the operation create_timescaledb_extension.'
    WHERE extension_schema IS NULL
    ORDER BY 1, 2
  ) AS found (rank, reason, mend);
  reasons := reasons || found_reasons;
  mends := mends || found_mends;
END IF;

{{interval_checks}}

-- The view is there only with the extension.
IF extension_schema IS NOT NULL AND target IS NOT NULL THEN
  EXECUTE 'SELECT array_agg(format(''it is a hypertable already, on %I'', column_name))
           FROM timescaledb_information.dimensions
           WHERE format(''%I.%I'', hypertable_schema, hypertable_name)::regclass = $1 AND dimension_number = 1'
  INTO found_reasons USING target;
  IF found_reasons IS NOT NULL THEN
    reasons := reasons || found_reasons;
    mends := mends || ARRAY['There is nothing to do; to change its interval use the operation set_chunk_interval.'];
  END IF;
END IF;
