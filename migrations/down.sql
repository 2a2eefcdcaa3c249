BEGIN;

-- Running downgrade r7 -> r6

DO $tsmigrate$
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'alter_compressed runs outside of a transaction, and revision r7 has changed something before it', HINT = 'put alter_compressed into a revision of its own';
  END IF;
END
$tsmigrate$;;

COMMIT;

DO $tsmigrate$
DECLARE
  hypertable record;
  state jsonb;
  settings jsonb;
  chunk text;
  job int;
  done boolean;
  altered boolean := false;
  failed text;
  failed_with text;
  number int := 0;
  told timestamptz := clock_timestamp();
BEGIN
  state := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed' AND subject = '"reading": ALTER COLUMN value TYPE numeric' RETURNING definition INTO state;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
  IF state ? 'skipped' THEN
    RETURN;
  END IF;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed' AND subject = '"reading": ALTER COLUMN value TYPE real' AND definition ? 'skipped';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'alter_compressed of "reading": ALTER COLUMN value TYPE real needs TimescaleDB, which this database does not have', HINT = 'create it first: op.create_timescaledb_extension';
  ELSIF (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 17, 0] THEN
    IF to_regclass('tsmigrate.undo') IS NULL THEN
      CREATE SCHEMA IF NOT EXISTS tsmigrate;
      COMMENT ON SCHEMA tsmigrate IS 'What tsmigrate needs to take its steps back; goes with its last row';
      CREATE TABLE tsmigrate.undo (
        revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, definition jsonb NOT NULL,
        PRIMARY KEY (revision, operation, subject)
      );
    END IF;
    INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
    VALUES ('r7', 'alter_compressed', '"reading": ALTER COLUMN value TYPE real', '{"skipped": true}');
    RAISE WARNING '%', 'tsmigrate: ' || 'skipped: ' || 'alter_compressed of "reading": ALTER COLUMN value TYPE real needs TimescaleDB Community 2.17; this server has ' || (SELECT 'TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb');
    RETURN;
  ELSIF NOT _timescaledb_functions.tsl_loaded() THEN
    IF to_regclass('tsmigrate.undo') IS NULL THEN
      CREATE SCHEMA IF NOT EXISTS tsmigrate;
      COMMENT ON SCHEMA tsmigrate IS 'What tsmigrate needs to take its steps back; goes with its last row';
      CREATE TABLE tsmigrate.undo (
        revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, definition jsonb NOT NULL,
        PRIMARY KEY (revision, operation, subject)
      );
    END IF;
    INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
    VALUES ('r7', 'alter_compressed', '"reading": ALTER COLUMN value TYPE real', '{"skipped": true}');
    RAISE WARNING '%', 'tsmigrate: ' || 'skipped: ' || 'alter_compressed of "reading": ALTER COLUMN value TYPE real needs TimescaleDB Community 2.17; this server has ' || 'the Apache-2 edition';
    RETURN;
  END IF;
  state := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    SELECT definition INTO state FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed' AND subject = '"reading"';
  END IF;
  IF to_regclass('"reading"') IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'there is no table "reading"', HINT = 'correct the name in the revision, or name its schema';
  END IF;
  IF NOT EXISTS (
    SELECT FROM timescaledb_information.hypertables
     WHERE to_regclass(format('%I.%I', hypertable_schema, hypertable_name)) = '"reading"'::regclass
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = '"reading" is not a hypertable', HINT = 'convert it first: op.create_hypertable';
  END IF;
  SELECT c.oid::regclass AS relation, n.nspname AS schema, c.relname AS name, c.relrowsecurity AS row_security,
         pg_has_role(c.relowner, 'USAGE') AS owned, o.rolname AS owner, o.rolcanlogin AS owner_logs_in,
         h.compression_enabled AS columnstore, d.column_name, d.column_type::text AS column_type,
         d.column_type IN ('smallint'::regtype, 'integer', 'bigint') AS counts,
         d.integer_now_func AS integer_now
    INTO STRICT hypertable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    JOIN timescaledb_information.hypertables h
      ON (h.hypertable_schema, h.hypertable_name) = (n.nspname, c.relname)
    JOIN timescaledb_information.dimensions d
      ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, c.relname)
   WHERE c.oid = '"reading"'::regclass AND d.dimension_number = 1;
  IF state IS NULL OR state ->> 'phase' = 'decompress' OR state ? 'failed' THEN
    DECLARE
      reasons text[] := '{}';
      mends text[] := '{}';
    BEGIN
      IF (NOT hypertable.owned) THEN
        reasons := reasons || (format('%I may not change it', current_user))::text;
        mends := mends || 'run the migration as the table''s owner, or as a member of that role'::text;
      END IF;
      IF ((SELECT count(*) + coalesce(sum((SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
                                     + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END), 0)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = hypertable.relation) > current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)) THEN
        reasons := reasons || (format('altering all of its chunks needs %s locks in one transaction, and the server''s lock table has room for %s', (SELECT count(*) + coalesce(sum((SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
                                     + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END), 0)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = hypertable.relation), current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)))::text;
        mends := mends || 'set max_locks_per_transaction to the first number divided by max_connections plus max_prepared_transactions, or more, and restart the server'::text;
      END IF;
      IF cardinality(reasons) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'TSM01',
          MESSAGE = 'alter_compressed of "reading"' || E' is refused:\n- ' || array_to_string(reasons, E'\n- '),
          HINT = array_to_string(mends, E'\n');
      END IF;
    END;
    BEGIN
      EXECUTE 'CREATE TEMPORARY TABLE "reading" (LIKE "reading" INCLUDING ALL)';
      EXECUTE 'ALTER TABLE pg_temp."reading" ALTER COLUMN value TYPE real';
      RAISE EXCEPTION USING ERRCODE = 'TSM00';
    EXCEPTION
      WHEN syntax_error OR undefined_column OR duplicate_column OR datatype_mismatch OR cannot_coerce
        OR undefined_function THEN
        RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('alter_compressed of %s is refused: %s', '"reading"', SQLERRM), HINT = 'correct the alteration in the revision';
      WHEN others THEN
        NULL;
    END;
    state := jsonb_build_object(
      'phase', 'decompress', 'alteration', 'ALTER COLUMN value TYPE real',
      'paused', coalesce(state -> 'paused', '[]') || coalesce((
        SELECT jsonb_agg(job_id) FROM timescaledb_information.jobs WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND job_id >= 1000 AND proc_name IN ('policy_compression', 'policy_retention', 'policy_reorder') AND scheduled), '[]'));
    FOR job IN SELECT job_id FROM timescaledb_information.jobs WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND job_id >= 1000 AND proc_name IN ('policy_compression', 'policy_retention', 'policy_reorder') AND scheduled LOOP
      PERFORM alter_job(job, scheduled => false);
    END LOOP;
    IF to_regclass('tsmigrate.undo') IS NULL THEN
      CREATE SCHEMA IF NOT EXISTS tsmigrate;
      COMMENT ON SCHEMA tsmigrate IS 'What tsmigrate needs to take its steps back; goes with its last row';
      CREATE TABLE tsmigrate.undo (
        revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, definition jsonb NOT NULL,
        PRIMARY KEY (revision, operation, subject)
      );
    END IF;
    INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
    VALUES ('r7', 'alter_compressed', '"reading"', state)
    ON CONFLICT (revision, operation, subject) DO UPDATE SET definition = EXCLUDED.definition;
  ELSIF state ->> 'alteration' <> 'ALTER COLUMN value TYPE real' THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('%s was cut off after this alteration was made: %s', '"reading"', state ->> 'alteration'), HINT = 'put that alteration back into the revision and run it again; the other one goes into another revision';
  END IF;
  COMMIT;
  WHILE state ->> 'phase' = 'decompress' LOOP
    FOR chunk IN SELECT unnest(ARRAY(SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks
     WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed)) LOOP
      done := false;
      PERFORM set_config('lock_timeout', '5000ms', true);
      FOR attempt IN 0..10 LOOP
        BEGIN
          done := decompress_chunk(chunk::regclass, if_compressed => true) IS NOT NULL;
          EXIT;
        EXCEPTION
          -- Somebody else dropped the chunk, or compressed it.
          WHEN undefined_table OR duplicate_object THEN
            EXIT;
          WHEN lock_not_available THEN
            IF attempt = 10 THEN
              RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('the chunk %s could not be locked in 11 attempts of 5000 ms', chunk), HINT = 'what is done stays done: end the sessions that hold the chunk (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini), and run this again';
            END IF;
            PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 5));
        END;
      END LOOP;
      IF done THEN
        INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
        VALUES ('r7', 'alter_compressed: chunk', '"reading"' || ' ' || chunk, jsonb_build_object('chunk', chunk))
        ON CONFLICT DO NOTHING;
        number := number + 1;
      END IF;
      COMMIT;
      IF clock_timestamp() > told + interval '5 s' THEN
        RAISE NOTICE '%', 'tsmigrate: ' || format('decompressed %s chunks of %s', number, '"reading"');
        told := clock_timestamp();
      END IF;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    DECLARE
      meant regclass := to_regclass('"reading"');
    BEGIN
      FOR attempt IN 0..10 LOOP
        BEGIN
          PERFORM set_config('lock_timeout', '5000ms', true);
          EXECUTE 'LOCK TABLE "reading" IN ACCESS EXCLUSIVE MODE';
          EXIT;
        EXCEPTION WHEN lock_not_available THEN
          IF attempt = 10 THEN
            RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" could not be locked in 11 attempts of 5000 ms', HINT = 'end the sessions that hold it (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini)';
          END IF;
          PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 10) * (0.5 + random()));
        END;
      END LOOP;
      IF to_regclass('"reading"') IS DISTINCT FROM meant THEN
        RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" was replaced by another table while its lock was waited for', HINT = 'run it again: nothing was changed';
      END IF;
    END;
    IF NOT EXISTS (SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks
     WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed) THEN
      settings := NULL;
      IF hypertable.columnstore THEN
        SELECT jsonb_build_object(
                 'segmentby', CASE WHEN s.segmentby IS NOT NULL THEN
                   coalesce((SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                               FROM unnest(s.segmentby) WITH ORDINALITY AS u(c, n)), '') END,
                 'orderby', (SELECT string_agg(quote_ident(c) || CASE WHEN down THEN ' DESC' ELSE ' ASC' END
                                               || CASE WHEN first THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, ', ' ORDER BY n)
                               FROM unnest(s.orderby, s.orderby_desc, s.orderby_nullsfirst)
                                    WITH ORDINALITY AS u(c, down, first, n)),
                 'interval', (SELECT v.compress_interval_length FROM timescaledb_information.hypertable_compression_settings v
                               WHERE v.hypertable = s.relid),
                 'indexes', (SELECT string_agg(format('%s(%s)', i ->> 'type',
                                      (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                                         FROM jsonb_array_elements_text(CASE jsonb_typeof(i -> 'column')
                                                WHEN 'array' THEN i -> 'column' ELSE jsonb_build_array(i -> 'column') END)
                                              WITH ORDINALITY AS u(c, n))), ', ')
                               FROM jsonb_array_elements(nullif(to_jsonb(s) -> 'index', 'null')) AS e(i)
                              WHERE i ->> 'source' = 'config'))
          INTO settings
          FROM _timescaledb_catalog.compression_settings s WHERE s.relid = hypertable.relation;
      END IF;
      BEGIN
        BEGIN
          EXECUTE 'ALTER TABLE "reading" ALTER COLUMN value TYPE real';
        EXCEPTION WHEN feature_not_supported THEN
          IF settings IS NULL THEN
            RAISE;
          END IF;
          EXECUTE format('ALTER TABLE %s SET (timescaledb.%s = false)', hypertable.relation,
                         CASE WHEN (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18] THEN 'compress' ELSE 'enable_columnstore' END);
          EXECUTE 'ALTER TABLE "reading" ALTER COLUMN value TYPE real';
          -- Afterwards it is what it was, or else all of this is taken back.
          hypertable.columnstore := false;
          DECLARE
            wanted jsonb := jsonb_strip_nulls(settings);
            compressed boolean := EXISTS (
              SELECT FROM timescaledb_information.chunks
               WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed);
            older boolean := (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18];
            present jsonb;
            option record;
            options text := '';
          BEGIN
            present := NULL;
            IF hypertable.columnstore THEN
              SELECT jsonb_build_object(
                       'segmentby', CASE WHEN s.segmentby IS NOT NULL THEN
                         coalesce((SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                                     FROM unnest(s.segmentby) WITH ORDINALITY AS u(c, n)), '') END,
                       'orderby', (SELECT string_agg(quote_ident(c) || CASE WHEN down THEN ' DESC' ELSE ' ASC' END
                                                     || CASE WHEN first THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, ', ' ORDER BY n)
                                     FROM unnest(s.orderby, s.orderby_desc, s.orderby_nullsfirst)
                                          WITH ORDINALITY AS u(c, down, first, n)),
                       'interval', (SELECT v.compress_interval_length FROM timescaledb_information.hypertable_compression_settings v
                                     WHERE v.hypertable = s.relid),
                       'indexes', (SELECT string_agg(format('%s(%s)', i ->> 'type',
                                            (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                                               FROM jsonb_array_elements_text(CASE jsonb_typeof(i -> 'column')
                                                      WHEN 'array' THEN i -> 'column' ELSE jsonb_build_array(i -> 'column') END)
                                                    WITH ORDINALITY AS u(c, n))), ', ')
                                     FROM jsonb_array_elements(nullif(to_jsonb(s) -> 'index', 'null')) AS e(i)
                                    WHERE i ->> 'source' = 'config'))
                INTO present
                FROM _timescaledb_catalog.compression_settings s WHERE s.relid = hypertable.relation;
            END IF;
            IF hypertable.columnstore AND NOT compressed THEN
              EXECUTE format('ALTER TABLE %s SET (timescaledb.%s = false)', hypertable.relation,
                             CASE WHEN (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18] THEN 'compress' ELSE 'enable_columnstore' END);
            END IF;
            FOR option IN
              SELECT key, CASE WHEN older OR key = 'interval' THEN 'compress_' ELSE '' END
                          || CASE key WHEN 'interval' THEN 'chunk_time_interval' WHEN 'indexes' THEN 'index' ELSE key END
                          AS name, wanted ->> key AS value
                FROM unnest(ARRAY['segmentby', 'orderby', 'interval', 'indexes']) AS key
            LOOP
              IF option.value IS NOT NULL THEN
                options := options || format(', timescaledb.%s = %L', option.name, option.value);
              ELSIF compressed AND present ->> option.key IS NOT NULL THEN
                IF (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 22] THEN
                  RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('%s of %s cannot go back to TimescaleDB''s own choice while chunks are in the columnstore', option.key, hypertable.relation), HINT = 'decompress the chunks first, or upgrade TimescaleDB to 2.22';
                END IF;
                EXECUTE format('ALTER TABLE %s RESET (timescaledb.%s)', hypertable.relation, option.name);
              END IF;
            END LOOP;
            EXECUTE format('ALTER TABLE %s SET (timescaledb.%s%s)', hypertable.relation,
                           CASE WHEN older THEN 'compress' ELSE 'enable_columnstore' END, options);
          END;
          hypertable.columnstore := true;
        END;
        -- TimescaleDB takes this alteration, and would then enforce nothing on compressed chunks.
        IF settings IS NOT NULL AND EXISTS (
          SELECT FROM pg_constraint WHERE conrelid = hypertable.relation AND contype = 'x'
        ) THEN
          RAISE EXCEPTION 'a columnstore does not enforce exclusion constraints';
        END IF;
      EXCEPTION WHEN others THEN
        GET STACKED DIAGNOSTICS failed = MESSAGE_TEXT, failed_with = RETURNED_SQLSTATE;
        state := state || jsonb_build_object('failed', failed || ' (' || failed_with || ')');
      END;
      state := state || '{"phase": "compress"}';
      IF to_regclass('tsmigrate.undo') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS tsmigrate;
        COMMENT ON SCHEMA tsmigrate IS 'What tsmigrate needs to take its steps back; goes with its last row';
        CREATE TABLE tsmigrate.undo (
          revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, definition jsonb NOT NULL,
          PRIMARY KEY (revision, operation, subject)
        );
      END IF;
      INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
      VALUES ('r7', 'alter_compressed', '"reading"', state)
      ON CONFLICT (revision, operation, subject) DO UPDATE SET definition = EXCLUDED.definition;
    END IF;
    COMMIT;
  END LOOP;
  number := 0;
  FOR chunk IN SELECT unnest(ARRAY(SELECT definition ->> 'chunk' AS chunk FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed: chunk' AND starts_with(subject, '"reading" ') ORDER BY 1)) LOOP
    done := false;
    PERFORM set_config('lock_timeout', '5000ms', true);
    FOR attempt IN 0..10 LOOP
      BEGIN
        -- A chunk that foreign keys point into cannot be truncated (XX000): its rows are deleted instead.
        IF EXISTS (SELECT FROM pg_constraint WHERE confrelid = hypertable.relation AND contype = 'f') THEN
          PERFORM set_config('timescaledb.compress_truncate_behaviour', 'truncate_disabled', true);
        END IF;
        PERFORM compress_chunk(chunk::regclass, if_not_compressed => false);
        done := true;
        EXIT;
      EXCEPTION
        -- Somebody else dropped the chunk, or compressed it.
        WHEN undefined_table OR duplicate_object THEN
          EXIT;
        WHEN lock_not_available THEN
          IF attempt = 10 THEN
            RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('the chunk %s could not be locked in 11 attempts of 5000 ms', chunk), HINT = 'what is done stays done: end the sessions that hold the chunk (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini), and run this again';
          END IF;
          PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 5));
      END;
    END LOOP;
    DELETE FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed: chunk' AND starts_with(subject, '"reading" ') AND definition ->> 'chunk' = chunk;
    COMMIT;
    number := number + done::int;
    IF clock_timestamp() > told + interval '5 s' THEN
      RAISE NOTICE '%', 'tsmigrate: ' || format('compressed %s chunks of %s again', number, '"reading"');
      told := clock_timestamp();
    END IF;
  END LOOP;
  FOR job IN
    SELECT job_id FROM timescaledb_information.jobs WHERE state -> 'paused' @> to_jsonb(job_id)
  LOOP
    PERFORM alter_job(job, scheduled => true);
  END LOOP;
  state := state || '{"phase": "finished", "paused": []}';
  IF to_regclass('tsmigrate.undo') IS NULL THEN
    CREATE SCHEMA IF NOT EXISTS tsmigrate;
    COMMENT ON SCHEMA tsmigrate IS 'What tsmigrate needs to take its steps back; goes with its last row';
    CREATE TABLE tsmigrate.undo (
      revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, definition jsonb NOT NULL,
      PRIMARY KEY (revision, operation, subject)
    );
  END IF;
  INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
  VALUES ('r7', 'alter_compressed', '"reading"', state)
  ON CONFLICT (revision, operation, subject) DO UPDATE SET definition = EXCLUDED.definition;
  COMMIT;
  IF state ? 'failed' THEN
    failed := state ->> 'failed';
    state := NULL;
    IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
      DELETE FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed' AND subject = '"reading"' RETURNING definition INTO state;
      IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
        DROP TABLE tsmigrate.undo;
        IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
          DROP SCHEMA tsmigrate;
        END IF;
      END IF;
    END IF;
    COMMIT;
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('%s could not be altered: %s', '"reading"', failed), HINT = 'its chunks and policies are as they were; correct the alteration in the revision';
  END IF;
  RAISE NOTICE '%', 'tsmigrate: ' || format('altered %s and compressed %s chunks again', '"reading"', number);
END
$tsmigrate$;;

BEGIN;

DO $tsmigrate$
DECLARE
  kept jsonb;
BEGIN
  kept := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r7' AND operation = 'alter_compressed' AND subject = '"reading"' RETURNING definition INTO kept;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
END
$tsmigrate$;;

UPDATE alembic_version SET version_num='r6' WHERE alembic_version.version_num = 'r7';

COMMIT;

BEGIN;

-- Running downgrade r6 -> r5

DO $tsmigrate$
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'decompress_chunks runs outside of a transaction, and revision r6 has changed something before it', HINT = 'put decompress_chunks into a revision of its own';
  END IF;
END
$tsmigrate$;;

COMMIT;

DO $tsmigrate$
DECLARE
  hypertable record;
  before jsonb;
  chunks text[];
  chunk text;
  done boolean;
  decompressed int := 0;
  told timestamptz := clock_timestamp();
BEGIN
  before := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    SELECT definition INTO before FROM tsmigrate.undo WHERE revision = 'r6' AND operation = 'compress_chunks' AND subject = '"reading"';
  END IF;
  IF before ? 'skipped' THEN
    RETURN;
  END IF;
  IF before IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'tsmigrate.undo has no row of compress_chunks on "reading" in revision r6', HINT = 'without it the state before the upgrade is unknown; restore the row from a backup';
  END IF;
  IF to_regclass('"reading"') IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'there is no table "reading"', HINT = 'correct the name in the revision, or name its schema';
  END IF;
  IF NOT EXISTS (
    SELECT FROM timescaledb_information.hypertables
     WHERE to_regclass(format('%I.%I', hypertable_schema, hypertable_name)) = '"reading"'::regclass
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = '"reading" is not a hypertable', HINT = 'convert it first: op.create_hypertable';
  END IF;
  SELECT c.oid::regclass AS relation, n.nspname AS schema, c.relname AS name, c.relrowsecurity AS row_security,
         pg_has_role(c.relowner, 'USAGE') AS owned, o.rolname AS owner, o.rolcanlogin AS owner_logs_in,
         h.compression_enabled AS columnstore, d.column_name, d.column_type::text AS column_type,
         d.column_type IN ('smallint'::regtype, 'integer', 'bigint') AS counts,
         d.integer_now_func AS integer_now
    INTO STRICT hypertable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    JOIN timescaledb_information.hypertables h
      ON (h.hypertable_schema, h.hypertable_name) = (n.nspname, c.relname)
    JOIN timescaledb_information.dimensions d
      ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, c.relname)
   WHERE c.oid = '"reading"'::regclass AND d.dimension_number = 1;
  DECLARE
    reasons text[] := '{}';
    mends text[] := '{}';
  BEGIN
    IF (NOT hypertable.owned) THEN
      reasons := reasons || (format('%I may not change it', current_user))::text;
      mends := mends || 'run the migration as the table''s owner, or as a member of that role'::text;
    END IF;
    IF cardinality(reasons) > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'TSM01',
        MESSAGE = 'decompress_chunks of "reading"' || E' is refused:\n- ' || array_to_string(reasons, E'\n- '),
        HINT = array_to_string(mends, E'\n');
    END IF;
  END;
  chunks := ARRAY(SELECT definition ->> 'chunk' AS chunk FROM tsmigrate.undo WHERE revision = 'r6' AND operation = 'compress_chunks: chunk' AND starts_with(subject, '"reading" ') ORDER BY 1);
  FOREACH chunk IN ARRAY chunks LOOP
    done := false;
    PERFORM set_config('lock_timeout', '5000ms', true);
    FOR attempt IN 0..10 LOOP
      BEGIN
        done := decompress_chunk(chunk::regclass, if_compressed => true) IS NOT NULL;
        EXIT;
      EXCEPTION
        -- Somebody else dropped the chunk, or compressed it.
        WHEN undefined_table OR duplicate_object THEN
          EXIT;
        WHEN lock_not_available THEN
          IF attempt = 10 THEN
            RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('the chunk %s could not be locked in 11 attempts of 5000 ms', chunk), HINT = 'what is done stays done: end the sessions that hold the chunk (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini), and run this again';
          END IF;
          PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 5));
      END;
    END LOOP;
    DELETE FROM tsmigrate.undo WHERE revision = 'r6' AND operation = 'compress_chunks: chunk' AND starts_with(subject, '"reading" ') AND definition ->> 'chunk' = chunk;
    COMMIT;
    decompressed := decompressed + done::int;
    IF clock_timestamp() > told + interval '5 s' THEN
      RAISE NOTICE '%', 'tsmigrate: ' || format('decompressed %s of %s chunks of %s', decompressed, cardinality(chunks), '"reading"');
      told := clock_timestamp();
    END IF;
  END LOOP;
  RAISE NOTICE '%', 'tsmigrate: ' || format('decompressed %s chunks of %s', decompressed, '"reading"');
END
$tsmigrate$;;

BEGIN;

DO $tsmigrate$
DECLARE
  kept jsonb;
BEGIN
  kept := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r6' AND operation = 'compress_chunks' AND subject = '"reading"' RETURNING definition INTO kept;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
END
$tsmigrate$;;

UPDATE alembic_version SET version_num='r5' WHERE alembic_version.version_num = 'r6';

COMMIT;

BEGIN;

-- Running downgrade r5 -> r4

DO $tsmigrate$
DECLARE
  hypertable record;
  before jsonb;
BEGIN
  before := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r5' AND operation = 'add_columnstore_policy' AND subject = '"reading"' RETURNING definition INTO before;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
  IF before ? 'skipped' THEN
    RETURN;
  END IF;
  IF to_regclass('"reading"') IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'there is no table "reading"', HINT = 'correct the name in the revision, or name its schema';
  END IF;
  IF NOT EXISTS (
    SELECT FROM timescaledb_information.hypertables
     WHERE to_regclass(format('%I.%I', hypertable_schema, hypertable_name)) = '"reading"'::regclass
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = '"reading" is not a hypertable', HINT = 'convert it first: op.create_hypertable';
  END IF;
  SELECT c.oid::regclass AS relation, n.nspname AS schema, c.relname AS name, c.relrowsecurity AS row_security,
         pg_has_role(c.relowner, 'USAGE') AS owned, o.rolname AS owner, o.rolcanlogin AS owner_logs_in,
         h.compression_enabled AS columnstore, d.column_name, d.column_type::text AS column_type,
         d.column_type IN ('smallint'::regtype, 'integer', 'bigint') AS counts,
         d.integer_now_func AS integer_now
    INTO STRICT hypertable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    JOIN timescaledb_information.hypertables h
      ON (h.hypertable_schema, h.hypertable_name) = (n.nspname, c.relname)
    JOIN timescaledb_information.dimensions d
      ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, c.relname)
   WHERE c.oid = '"reading"'::regclass AND d.dimension_number = 1;
  DECLARE
    reasons text[] := '{}';
    mends text[] := '{}';
  BEGIN
    IF (NOT hypertable.owned) THEN
      reasons := reasons || (format('%I may not change it', current_user))::text;
      mends := mends || 'run the migration as the table''s owner, or as a member of that role'::text;
    END IF;
    IF cardinality(reasons) > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'TSM01',
        MESSAGE = 'remove_columnstore_policy of "reading"' || E' is refused:\n- ' || array_to_string(reasons, E'\n- '),
        HINT = array_to_string(mends, E'\n');
    END IF;
  END;
  SET CONSTRAINTS ALL IMMEDIATE;
  DECLARE
    meant regclass := to_regclass('"reading"');
  BEGIN
    FOR attempt IN 0..10 LOOP
      BEGIN
        PERFORM set_config('lock_timeout', '5000ms', true);
        EXECUTE 'LOCK TABLE ONLY "reading" IN SHARE UPDATE EXCLUSIVE MODE';
        EXIT;
      EXCEPTION WHEN lock_not_available THEN
        IF attempt = 10 THEN
          RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" could not be locked in 11 attempts of 5000 ms', HINT = 'end the sessions that hold it (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini)';
        END IF;
        PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 10) * (0.5 + random()));
      END;
    END LOOP;
    IF to_regclass('"reading"') IS DISTINCT FROM meant THEN
      RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" was replaced by another table while its lock was waited for', HINT = 'run it again: nothing was changed';
    END IF;
  END;
  IF NOT EXISTS (SELECT FROM timescaledb_information.jobs WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND proc_name = 'policy_compression' AND job_id >= 1000) THEN
    RAISE NOTICE '%', 'tsmigrate: ' || '"reading" has no columnstore policy any more';
  ELSIF (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18] THEN
    PERFORM remove_compression_policy(hypertable.relation);
  ELSE
    CALL remove_columnstore_policy(hypertable.relation);
  END IF;
END
$tsmigrate$;;

UPDATE alembic_version SET version_num='r4' WHERE alembic_version.version_num = 'r5';

COMMIT;

BEGIN;

-- Running downgrade r4 -> r3

DO $tsmigrate$
DECLARE
  hypertable record;
  before jsonb;
  chunk text;
BEGIN
  before := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r4' AND operation = 'set_columnstore' AND subject = '"reading"' RETURNING definition INTO before;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
  IF before ? 'skipped' THEN
    RETURN;
  END IF;
  IF before IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'tsmigrate.undo has no row of set_columnstore on "reading" in revision r4', HINT = 'without it the state before the upgrade is unknown; restore the row from a backup';
  END IF;
  IF to_regclass('"reading"') IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = 'there is no table "reading"', HINT = 'correct the name in the revision, or name its schema';
  END IF;
  IF NOT EXISTS (
    SELECT FROM timescaledb_information.hypertables
     WHERE to_regclass(format('%I.%I', hypertable_schema, hypertable_name)) = '"reading"'::regclass
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = '"reading" is not a hypertable', HINT = 'convert it first: op.create_hypertable';
  END IF;
  SELECT c.oid::regclass AS relation, n.nspname AS schema, c.relname AS name, c.relrowsecurity AS row_security,
         pg_has_role(c.relowner, 'USAGE') AS owned, o.rolname AS owner, o.rolcanlogin AS owner_logs_in,
         h.compression_enabled AS columnstore, d.column_name, d.column_type::text AS column_type,
         d.column_type IN ('smallint'::regtype, 'integer', 'bigint') AS counts,
         d.integer_now_func AS integer_now
    INTO STRICT hypertable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    JOIN timescaledb_information.hypertables h
      ON (h.hypertable_schema, h.hypertable_name) = (n.nspname, c.relname)
    JOIN timescaledb_information.dimensions d
      ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, c.relname)
   WHERE c.oid = '"reading"'::regclass AND d.dimension_number = 1;
  SET CONSTRAINTS ALL IMMEDIATE;
  DECLARE
    meant regclass := to_regclass('"reading"');
  BEGIN
    FOR attempt IN 0..10 LOOP
      BEGIN
        PERFORM set_config('lock_timeout', '5000ms', true);
        EXECUTE 'LOCK TABLE ONLY "reading" IN ACCESS EXCLUSIVE MODE';
        EXIT;
      EXCEPTION WHEN lock_not_available THEN
        IF attempt = 10 THEN
          RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" could not be locked in 11 attempts of 5000 ms', HINT = 'end the sessions that hold it (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini)';
        END IF;
        PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 10) * (0.5 + random()));
      END;
    END LOOP;
    IF to_regclass('"reading"') IS DISTINCT FROM meant THEN
      RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" was replaced by another table while its lock was waited for', HINT = 'run it again: nothing was changed';
    END IF;
  END;
  IF before <> '{}' THEN
    DECLARE
      wanted jsonb := jsonb_strip_nulls(before);
      compressed boolean := EXISTS (
        SELECT FROM timescaledb_information.chunks
         WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed);
      older boolean := (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18];
      present jsonb;
      option record;
      options text := '';
    BEGIN
      present := NULL;
      IF hypertable.columnstore THEN
        SELECT jsonb_build_object(
                 'segmentby', CASE WHEN s.segmentby IS NOT NULL THEN
                   coalesce((SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                               FROM unnest(s.segmentby) WITH ORDINALITY AS u(c, n)), '') END,
                 'orderby', (SELECT string_agg(quote_ident(c) || CASE WHEN down THEN ' DESC' ELSE ' ASC' END
                                               || CASE WHEN first THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, ', ' ORDER BY n)
                               FROM unnest(s.orderby, s.orderby_desc, s.orderby_nullsfirst)
                                    WITH ORDINALITY AS u(c, down, first, n)),
                 'interval', (SELECT v.compress_interval_length FROM timescaledb_information.hypertable_compression_settings v
                               WHERE v.hypertable = s.relid),
                 'indexes', (SELECT string_agg(format('%s(%s)', i ->> 'type',
                                      (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                                         FROM jsonb_array_elements_text(CASE jsonb_typeof(i -> 'column')
                                                WHEN 'array' THEN i -> 'column' ELSE jsonb_build_array(i -> 'column') END)
                                              WITH ORDINALITY AS u(c, n))), ', ')
                               FROM jsonb_array_elements(nullif(to_jsonb(s) -> 'index', 'null')) AS e(i)
                              WHERE i ->> 'source' = 'config'))
          INTO present
          FROM _timescaledb_catalog.compression_settings s WHERE s.relid = hypertable.relation;
      END IF;
      IF hypertable.columnstore AND NOT compressed THEN
        EXECUTE format('ALTER TABLE %s SET (timescaledb.%s = false)', hypertable.relation,
                       CASE WHEN (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18] THEN 'compress' ELSE 'enable_columnstore' END);
      END IF;
      FOR option IN
        SELECT key, CASE WHEN older OR key = 'interval' THEN 'compress_' ELSE '' END
                    || CASE key WHEN 'interval' THEN 'chunk_time_interval' WHEN 'indexes' THEN 'index' ELSE key END
                    AS name, wanted ->> key AS value
          FROM unnest(ARRAY['segmentby', 'orderby', 'interval', 'indexes']) AS key
      LOOP
        IF option.value IS NOT NULL THEN
          options := options || format(', timescaledb.%s = %L', option.name, option.value);
        ELSIF compressed AND present ->> option.key IS NOT NULL THEN
          IF (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 22] THEN
            RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('%s of %s cannot go back to TimescaleDB''s own choice while chunks are in the columnstore', option.key, hypertable.relation), HINT = 'decompress the chunks first, or upgrade TimescaleDB to 2.22';
          END IF;
          EXECUTE format('ALTER TABLE %s RESET (timescaledb.%s)', hypertable.relation, option.name);
        END IF;
      END LOOP;
      EXECUTE format('ALTER TABLE %s SET (timescaledb.%s%s)', hypertable.relation,
                     CASE WHEN older THEN 'compress' ELSE 'enable_columnstore' END, options);
    END;
  ELSE
    DECLARE
      reasons text[] := '{}';
      mends text[] := '{}';
    BEGIN
      IF (NOT hypertable.owned) THEN
        reasons := reasons || (format('%I may not change it', current_user))::text;
        mends := mends || 'run the migration as the table''s owner, or as a member of that role'::text;
      END IF;
      IF (EXISTS (SELECT FROM timescaledb_information.jobs WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND proc_name = 'policy_compression' AND job_id >= 1000)) THEN
        reasons := reasons || ('a policy would compress its chunks again')::text;
        mends := mends || 'take back add_columnstore_policy first: op.remove_columnstore_policy'::text;
      END IF;
      IF ((SELECT coalesce(sum(5 + (SELECT count(*) FROM pg_index
                                WHERE indrelid = format('%I.%I', chunk_schema, chunk_name)::regclass)), 0)
        FROM timescaledb_information.chunks
       WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed) > current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)) THEN
        reasons := reasons || (format('decompressing its chunks needs %s locks in one transaction, and the server''s lock table has room for %s', (SELECT coalesce(sum(5 + (SELECT count(*) FROM pg_index
                                WHERE indrelid = format('%I.%I', chunk_schema, chunk_name)::regclass)), 0)
        FROM timescaledb_information.chunks
       WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed), current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)))::text;
        mends := mends || 'set max_locks_per_transaction to the first number divided by max_connections plus max_prepared_transactions, or more, and restart the server'::text;
      END IF;
      IF cardinality(reasons) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'TSM01',
          MESSAGE = 'restore_columnstore of "reading"' || E' is refused:\n- ' || array_to_string(reasons, E'\n- '),
          HINT = array_to_string(mends, E'\n');
      END IF;
    END;
    FOR chunk IN SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks
     WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed LOOP
      PERFORM decompress_chunk(chunk::regclass, true);
    END LOOP;
    EXECUTE format('ALTER TABLE %s SET (timescaledb.%s = false)', hypertable.relation,
                   CASE WHEN (SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] FROM pg_extension WHERE extname = 'timescaledb') < ARRAY[2, 18] THEN 'compress' ELSE 'enable_columnstore' END);
  END IF;
END
$tsmigrate$;;

UPDATE alembic_version SET version_num='r3' WHERE alembic_version.version_num = 'r4';

COMMIT;

BEGIN;

-- Running downgrade r3 -> r2

DO $tsmigrate$
DECLARE
  table_name text := '"reading"';
  target regclass := to_regclass(table_name);
  facts record;
  time_column name;
  extension_there bool := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
  reasons text[] := '{}';
  mends text[] := '{}';
  found_reasons text[];
  found_mends text[];
  remembered jsonb;
  callers_lock_timeout text := current_setting('lock_timeout');
  callers_path text := current_setting('search_path');
  callers_check_bodies text := current_setting('check_function_bodies');
  callers_tablespace text := current_setting('default_tablespace');
  forced bool;
  -- What depends on the table
  doomed_relations oid[];   -- views and materialized views that are dropped and made anew, those they depend on first
  doomed_functions oid[];
  doomed_names text[];      -- both, in the order in which they are made
  relations oid[];          -- whose definitions are kept: the table, its identity sequences and doomed_relations
  relation_names text[];
  function_names text[];
  unwanted_indexes oid[];   -- added by create_hypertable
  detaching text[];
  repointing text[];
  -- Definitions: statements with the place in which each is run
  ranks int[];
  definitions text[];
  definitions_before text[];
  said_otherwise text;
  statement text;
  number int;
  hold name;
  held text;
  full_name text;
  column_list text;
  identity record;
  counted bigint;
  checksum numeric;
  counted_before bigint;
  checksum_before numeric;
BEGIN
  SELECT c.relkind, pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner,
         n.nspname, c.relname, n.oid AS schema
  INTO facts FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target;

  IF target IS NULL THEN
    reasons := ARRAY['there is no such table'];
    mends := ARRAY['Check the name and its schema; names are case-sensitive.'];
  ELSIF NOT facts.owned THEN
    reasons := ARRAY[format('%I may not change it', current_user)];
    mends := ARRAY[format('Run it as its owner, %I, or a member of that role.', facts.owner)];
  ELSIF extension_there THEN
    SELECT column_name INTO time_column FROM timescaledb_information.dimensions
    WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND dimension_number = 1;
  END IF;
  IF target IS NOT NULL AND facts.owned AND time_column IS NULL THEN
    reasons := reasons || 'it is not a hypertable'::text;
    mends := mends || 'There is nothing to take back.'::text;
  END IF;
  IF cardinality(reasons) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01',
      MESSAGE = format(E'%s cannot become %s:\n%s', table_name, 'a plain table',
                       (SELECT string_agg('- ' || reason, E'\n' ORDER BY place)
                        FROM unnest(reasons) WITH ORDINALITY AS r (reason, place))),
      HINT = (SELECT string_agg(mend, E'\n' ORDER BY place)
              FROM (SELECT mend, min(place) AS place FROM unnest(mends) WITH ORDINALITY AS m (mend, place)
                    WHERE mend <> '' GROUP BY mend) AS once);
  END IF;

  -- Each row is a reason and its mend.
  SELECT array_agg(reason), array_agg(mend) INTO found_reasons, found_mends
  FROM (
    -- From 18 on a NOT NULL is a constraint with a name and a comment, which the way back does not carry over.
    SELECT 0, 'it is on PostgreSQL 18 or later, whose named NOT NULL constraints would be lost',
           'Use PostgreSQL 17 or earlier for now.'
    WHERE current_setting('server_version_num')::int >= 180000
    UNION ALL
    SELECT 1, format('the continuous aggregate %I.%I reads it', view_schema, view_name),
           'Take back create_continuous_aggregate first.'
    FROM timescaledb_information.continuous_aggregates
    WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname)
    UNION ALL
    SELECT 2, format('the job %s (%s) works on it', job_id, proc_name),
           CASE proc_name WHEN 'policy_retention' THEN 'Take back add_retention_policy first.'
                WHEN 'policy_compression' THEN 'Take back add_columnstore_policy first.'
                ELSE format('Remove it first: SELECT delete_job(%s)', job_id) END
    FROM timescaledb_information.jobs
    WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND job_id >= 1000
    UNION ALL
    SELECT 3, format('%s of its chunks are in the columnstore', count(*)), 'Take back compress_chunks first.'
    FROM timescaledb_information.chunks
    WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND is_compressed
    HAVING count(*) > 0
    UNION ALL
    SELECT 4, 'its columnstore is enabled', 'Take back set_columnstore first.'
    FROM timescaledb_information.hypertables
    WHERE (hypertable_schema, hypertable_name) = (facts.nspname, facts.relname) AND compression_enabled
    UNION ALL
    -- Reading and dropping it locks every chunk with its indexes and TOAST table until the transaction ends.
    SELECT 5, format('it has %s chunks, and the server''s lock table has room for %s locks where %s are needed',
                     chunks, room, needed),
           format('Set max_locks_per_transaction to %s or more and restart the server.', ceil(needed * 1.1 / places))
    FROM (SELECT count(*) AS chunks,
                 sum(1 + (SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
                       + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END) AS needed,
                 current_setting('max_locks_per_transaction')::int * max(places.places) AS room, max(places.places) AS places
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
               (SELECT current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS places (places)
          WHERE i.inhparent = target) AS locks
    WHERE needed > room
    UNION ALL
    SELECT 6, format('%I may not create schemas in this database, and its rows are moved through one', current_user),
           format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
    WHERE NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 6, format('its owner %I may not create tables in the schema %I', facts.owner, facts.nspname),
           format('GRANT CREATE ON SCHEMA %I TO %I', facts.nspname, facts.owner)
    WHERE NOT has_schema_privilege(facts.owner, facts.schema, 'CREATE')
    UNION ALL
    SELECT 7, format('its index %s is invalid', indexrelid::regclass), 'Rebuild or drop the index first.'
    FROM pg_index WHERE indrelid = target AND NOT indisvalid
    UNION ALL
    SELECT 8, format('the publication %I holds it, and %I may not change that publication', pubname, current_user),
           format('Run it as a member of %I too.', pg_get_userbyid(pubowner))
    FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
    WHERE r.prrelid = target AND NOT pg_has_role(p.pubowner, 'USAGE')
    UNION ALL
    SELECT 8, format('the foreign key %I of %s points at it, and %I may not change that table', conname, conrelid::regclass,
                     current_user),
           format('Run it as a member of %I too.', pg_get_userbyid(c.relowner))
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.confrelid = target AND k.conparentid = 0 AND NOT pg_has_role(c.relowner, 'USAGE')
    UNION ALL
    SELECT 8, 'it carries security labels, which are not given back', 'Remove them first, and set them again afterwards.'
    WHERE EXISTS (SELECT FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = target)
    UNION ALL
    SELECT 8, format('the triggers behind its foreign key %I are not all enabled, which is not given back', k.conname),
           'Enable them first: ALTER TABLE … ENABLE TRIGGER ALL.'
    FROM pg_constraint k
    WHERE k.contype = 'f' AND k.conparentid = 0 AND target IN (k.conrelid, k.confrelid)
      AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
    UNION ALL
    SELECT 9, 'the transaction does not read what others commit meanwhile (it is not READ COMMITTED)',
           'Run it in a READ COMMITTED transaction.'
    WHERE current_setting('transaction_isolation') <> 'read committed'
    ORDER BY 1, 2
  ) AS found (rank, reason, mend);
  reasons := reasons || found_reasons;
  mends := mends || found_mends;
  IF cardinality(reasons) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01',
      MESSAGE = format(E'%s cannot become %s:\n%s', table_name, 'a plain table',
                       (SELECT string_agg('- ' || reason, E'\n' ORDER BY place)
                        FROM unnest(reasons) WITH ORDINALITY AS r (reason, place))),
      HINT = (SELECT string_agg(mend, E'\n' ORDER BY place)
              FROM (SELECT mend, min(place) AS place FROM unnest(mends) WITH ORDINALITY AS m (mend, place)
                    WHERE mend <> '' GROUP BY mend) AS once);
  END IF;

  SET CONSTRAINTS ALL IMMEDIATE;
  DECLARE
    meant regclass := to_regclass('"reading"');
  BEGIN
    FOR attempt IN 0..10 LOOP
      BEGIN
        PERFORM set_config('lock_timeout', '5000ms', true);
        EXECUTE 'LOCK TABLE "reading" IN ACCESS EXCLUSIVE MODE';
        DECLARE
          other text;
          their_mode text;
        BEGIN
          FOR other, their_mode IN SELECT tied::regclass::text, 'SHARE ROW EXCLUSIVE'
          FROM (SELECT CASE '"reading"'::regclass WHEN conrelid THEN confrelid ELSE conrelid END FROM pg_constraint
                 WHERE contype = 'f' AND conparentid = 0 AND '"reading"'::regclass IN (conrelid, confrelid)) AS f (tied)
         WHERE tied <> '"reading"'::regclass AND has_table_privilege(tied, 'UPDATE')
         GROUP BY tied
         ORDER BY 1 LOOP
            EXECUTE format('LOCK TABLE %s IN %s MODE', other, their_mode);
          END LOOP;
        END;
        EXIT;
      EXCEPTION WHEN lock_not_available THEN
        IF attempt = 10 THEN
          RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" could not be locked in 11 attempts of 5000 ms', HINT = 'end the sessions that hold it (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or tsmigrate.lock_retries (-x or alembic.ini)';
        END IF;
        PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 10) * (0.5 + random()));
      END;
    END LOOP;
    IF to_regclass('"reading"') IS DISTINCT FROM meant THEN
      RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = '"reading" was replaced by another table while its lock was waited for', HINT = 'run it again: nothing was changed';
    END IF;
  END;
  -- Definitions are written, and dependents found, with every name in full.
  PERFORM set_config('search_path', '', true);
  -- Views, rules, policies and SQL functions that name the table can be pointed at its successor in place. Materialized
  -- views, and what has the table's row type in its signature, cannot: they, and what depends on them, are made anew.
  WITH RECURSIVE doomed (class, object, depth) AS (
    SELECT n.class, n.object, 1 FROM (
      SELECT 'pg_class'::regclass::oid AS class, v.oid AS object
      FROM pg_depend p JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid
      JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'm'
      WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = target
         OR p.refclassid = 'pg_type'::regclass AND p.refobjid IN
            (SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = target)
      UNION
      SELECT p.classid, p.objid
      FROM pg_depend p JOIN pg_type t ON t.typrelid = target AND p.refobjid IN (t.oid, t.typarray)
      LEFT JOIN pg_class v ON p.classid = 'pg_class'::regclass AND v.oid = p.objid
      WHERE p.refclassid = 'pg_type'::regclass AND p.deptype = 'n'
        AND (p.classid = 'pg_proc'::regclass OR v.relkind IN ('v', 'm'))
    ) AS n
    UNION ALL
    SELECT n.class, n.object, d.depth + 1
    FROM doomed d CROSS JOIN LATERAL (
      SELECT CASE WHEN w.oid IS NULL THEN p.classid ELSE 'pg_class'::regclass::oid END AS class,
             coalesce(w.ev_class, p.objid) AS object
      FROM pg_depend p
      LEFT JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid
      LEFT JOIN pg_class v ON v.oid = coalesce(w.ev_class, CASE WHEN p.classid = 'pg_class'::regclass THEN p.objid END)
      WHERE (p.refclassid = d.class AND p.refobjid = d.object
             OR d.class = 'pg_class'::regclass AND p.refclassid = 'pg_type'::regclass AND p.refobjid IN
                (SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = d.object))
        AND p.deptype = 'n'
        AND (v.relkind IN ('v', 'm') OR p.classid = 'pg_proc'::regclass)
        AND coalesce(w.ev_class, p.objid) <> d.object
    ) AS n
    WHERE d.depth < 100
  ), once AS (
    SELECT class, object, max(depth) AS depth FROM doomed GROUP BY class, object
  )
  SELECT coalesce(array_agg(object ORDER BY depth, object) FILTER (WHERE class = 'pg_class'::regclass), '{}'),
         coalesce(array_agg(object ORDER BY depth, object) FILTER (WHERE class = 'pg_proc'::regclass), '{}'),
         coalesce(array_agg(CASE WHEN class = 'pg_proc'::regclass THEN format('DROP ROUTINE %s', object::regprocedure)
                                 ELSE format('DROP %s %s', CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
                                             object::regclass) END
                            ORDER BY depth DESC, object DESC), '{}'),
         array_agg(CASE WHEN class = 'pg_proc'::regclass THEN object::regprocedure::text ELSE object::regclass::text END
                   ORDER BY depth, object)
  INTO doomed_relations, doomed_functions, detaching, doomed_names
  FROM once LEFT JOIN pg_class ON class = 'pg_class'::regclass AND oid = object;

  -- Whatever else depends on the table, or on what is made anew, nobody here knows how to give back.
  SELECT array_agg(DISTINCT format('%s depends on %s', pg_describe_object(classid, objid, objsubid),
                                   pg_describe_object(refclassid, refobjid, 0)))
  INTO found_reasons
  FROM (
    SELECT 'pg_class'::regclass::oid AS class, target::oid AS object, true AS own
    UNION ALL SELECT 'pg_type'::regclass, unnest(ARRAY[oid, typarray]), true FROM pg_type WHERE typrelid = target
    UNION ALL SELECT 'pg_class'::regclass, indexrelid, true FROM pg_index WHERE indrelid = target
    UNION ALL SELECT 'pg_constraint'::regclass, oid, true FROM pg_constraint WHERE conrelid = target
    UNION ALL SELECT 'pg_class'::regclass, objid, true FROM pg_depend
      WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = target
        AND refobjsubid > 0 AND deptype = 'i'
    UNION ALL SELECT 'pg_class'::regclass, unnest(doomed_relations), false
    UNION ALL SELECT 'pg_type'::regclass, unnest(ARRAY[oid, typarray]), false FROM pg_type WHERE typrelid = ANY (doomed_relations)
    UNION ALL SELECT 'pg_proc'::regclass, unnest(doomed_functions), false
  ) AS needed
  JOIN pg_depend d ON d.refclassid = needed.class AND d.refobjid = needed.object AND d.deptype IN ('n', 'a')
  WHERE NOT CASE d.classid
    WHEN 'pg_rewrite'::regclass THEN
      EXISTS (SELECT FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class
              WHERE w.oid = d.objid AND (needed.own OR v.oid = ANY (doomed_relations)))
    WHEN 'pg_policy'::regclass THEN needed.own
    WHEN 'pg_proc'::regclass THEN EXISTS (SELECT FROM pg_proc WHERE oid = d.objid AND prokind IN ('f', 'p'))
    WHEN 'pg_class'::regclass THEN
      d.objid = ANY (doomed_relations || ARRAY[target::oid])
      OR EXISTS (SELECT FROM pg_index WHERE indexrelid = d.objid AND indrelid = ANY (doomed_relations || ARRAY[target::oid])
                                            AND d.refclassid <> 'pg_proc'::regclass)
      OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = d.objid AND inhparent = target)
      OR d.deptype = 'a' AND EXISTS (SELECT FROM pg_class WHERE oid = d.objid AND relkind = 'S')
    WHEN 'pg_constraint'::regclass THEN
      needed.own AND EXISTS (SELECT FROM pg_constraint WHERE oid = d.objid AND (conrelid = target OR confrelid = target))
    WHEN 'pg_attrdef'::regclass THEN
      EXISTS (SELECT FROM pg_attrdef WHERE oid = d.objid AND adrelid = ANY (doomed_relations || ARRAY[target::oid])
                                           AND d.refclassid = 'pg_class'::regclass)
    WHEN 'pg_trigger'::regclass THEN
      EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND tgrelid = ANY (doomed_relations || ARRAY[target::oid])
                                           AND d.refclassid <> 'pg_proc'::regclass)
      OR EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND tgisinternal)
    WHEN 'pg_statistic_ext'::regclass THEN
      EXISTS (SELECT FROM pg_statistic_ext WHERE oid = d.objid AND stxrelid = target)
    WHEN 'pg_publication_rel'::regclass THEN needed.own
    ELSE false END;
  reasons := reasons || found_reasons;
  mends := mends || array_fill('Drop it first, and create it again afterwards.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

  -- Their owners must be ours to act for.
  SELECT array_agg(DISTINCT format('%I may not change %s, which depends on it', current_user, dependent)) INTO found_reasons
  FROM (
    SELECT oid::regclass::text, relowner FROM pg_class WHERE oid = ANY (doomed_relations)
    UNION ALL SELECT oid::regprocedure::text, proowner FROM pg_proc WHERE oid = ANY (doomed_functions)
    UNION ALL
    SELECT c.oid::regclass::text, c.relowner
    FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    JOIN pg_class c ON c.oid = w.ev_class
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
    UNION ALL
    SELECT c.oid::regclass::text, c.relowner
    FROM pg_depend d JOIN pg_policy w ON d.classid = 'pg_policy'::regclass AND w.oid = d.objid
    JOIN pg_class c ON c.oid = w.polrelid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
    UNION ALL
    SELECT p.oid::regprocedure::text, p.proowner
    FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
    UNION ALL SELECT s.stxname::text, s.stxowner FROM pg_statistic_ext s WHERE s.stxrelid = target
  ) AS dependents (dependent, owner)
  WHERE NOT pg_has_role(owner, 'USAGE');
  reasons := reasons || found_reasons;
  mends := mends || array_fill('Run it as a member of the owning role too.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

  SELECT array_agg(DISTINCT format('%s carries security labels or goes with an extension', what)) INTO found_reasons
  FROM (
    SELECT pg_describe_object(classoid, objoid, 0) FROM pg_seclabel
    WHERE classoid = 'pg_class'::regclass AND objoid = ANY (doomed_relations)
       OR classoid = 'pg_proc'::regclass AND objoid = ANY (doomed_functions)
    UNION ALL
    SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND objid = ANY (doomed_relations || ARRAY[target::oid]) AND deptype IN ('x', 'e')
       OR classid = 'pg_proc'::regclass AND objid = ANY (doomed_functions) AND deptype = 'e'
  ) AS marked (what);
  reasons := reasons || found_reasons;
  mends := mends || array_fill('Drop it first, and create it again afterwards.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

  -- A grant can be made again only by the role that made it.
  relations := ARRAY[target::oid] || doomed_relations || ARRAY(
    SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
      AND refobjid = target AND refobjsubid > 0 AND deptype = 'i' ORDER BY refobjsubid);
  SELECT array_agg(DISTINCT format('%I, who does not own %s, has granted rights on it', pg_get_userbyid(grantor), what))
  INTO found_reasons
  FROM (
    SELECT c.oid::regclass::text, c.relowner, (aclexplode(c.relacl)).grantor FROM pg_class c WHERE c.oid = ANY (relations)
    UNION ALL
    SELECT c.oid::regclass::text, c.relowner, (aclexplode(a.attacl)).grantor
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid = ANY (relations)
    UNION ALL
    SELECT p.oid::regprocedure::text, p.proowner, (aclexplode(p.proacl)).grantor FROM pg_proc p WHERE p.oid = ANY (doomed_functions)
  ) AS granted (what, owner, grantor)
  WHERE grantor <> owner;
  reasons := reasons || found_reasons;
  mends := mends || array_fill('Revoke them first, or have the owner grant them.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

  SELECT array_agg(oid::regclass::text ORDER BY place) INTO relation_names
  FROM unnest(relations) WITH ORDINALITY AS r (oid, place);
  SELECT coalesce(array_agg(oid::regprocedure::text ORDER BY place), '{}') INTO function_names
  FROM unnest(doomed_functions) WITH ORDINALITY AS f (oid, place);

  -- What is taken off the table so that it can be dropped in the end, or its names used again.
  detaching := ARRAY(
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
    WHERE contype = 'f' AND confrelid = target AND conrelid <> target AND conparentid = 0
  ) || detaching || ARRAY(
    SELECT format('DROP STATISTICS %I.%I', n.nspname, s.stxname)
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = target
  ) || ARRAY(
    SELECT format('ALTER SEQUENCE %s OWNED BY NONE', objid::regclass) FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = target AND deptype = 'a'
      AND objid IN (SELECT oid FROM pg_class WHERE relkind = 'S'));

  -- What is pointed at the new table in place: grants, owners and comments stay as they are.
  repointing := ARRAY(
    SELECT DISTINCT CASE
      WHEN w.rulename = '_RETURN' THEN
        format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
               (SELECT format(' WITH (%s)', string_agg(format('%s = %L', option_name, option_value), ', '))
                FROM pg_options_to_table(v.reloptions) HAVING count(*) > 0),
               rtrim(pg_get_viewdef(v.oid), ';'))
      ELSE regexp_replace(pg_get_ruledef(w.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE') END
    FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    JOIN pg_class v ON v.oid = w.ev_class
    WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = target
           OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN
              (SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = target))
      AND NOT v.oid = ANY (doomed_relations)
  ) || ARRAY(
    SELECT DISTINCT format('ALTER POLICY %I ON %s%s%s', p.polname, p.polrelid::regclass,
                           ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                           ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM pg_depend d JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    WHERE d.refclassid IN ('pg_class'::regclass, 'pg_type'::regclass) AND p.polrelid <> target
      AND d.refobjid IN (SELECT unnest(ARRAY[t.typrelid, t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = target)
  ) || ARRAY(
    SELECT DISTINCT pg_get_functiondef(p.oid)
    FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND NOT p.oid = ANY (doomed_functions)
      AND p.prokind IN ('f', 'p')
  );
  PERFORM set_config('search_path', callers_path, true);
  IF cardinality(reasons) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM01',
      MESSAGE = format(E'%s cannot become %s:\n%s', table_name, 'a plain table',
                       (SELECT string_agg('- ' || reason, E'\n' ORDER BY place)
                        FROM unnest(reasons) WITH ORDINALITY AS r (reason, place))),
      HINT = (SELECT string_agg(mend, E'\n' ORDER BY place)
              FROM (SELECT mend, min(place) AS place FROM unnest(mends) WITH ORDINALITY AS m (mend, place)
                    WHERE mend <> '' GROUP BY mend) AS once);
  END IF;

  SELECT relforcerowsecurity INTO forced FROM pg_class WHERE oid = target;
  IF forced THEN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target);
  END IF;
  -- How many rows, and a checksum that knows no order: what catalog.checksum computes. Its settings decide how values
  -- are written; the caller's come back afterwards.
  DECLARE
    query text;
    callers text[];
  BEGIN
    SELECT format('SELECT count(*), coalesce(sum(hash_record_extended(ROW(%s), 0)), 0) FROM %I.%I',
                  string_agg(CASE WHEN t.typname = ANY (ARRAY['bool', 'bytea', 'cidr', 'date', 'inet', 'int2', 'int4', 'int8', 'macaddr', 'oid', 'time', 'timestamp', 'timestamptz', 'timetz', 'uuid']::text[]) AND t.typnamespace = 'pg_catalog'::regnamespace
                                  THEN format('%I', a.attname) ELSE format('%I::text COLLATE "C"', a.attname) END,
                             ', ' ORDER BY a.attnum), n.nspname, c.relname)
    INTO query
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.oid = target
    GROUP BY n.nspname, c.relname;
    SELECT array_agg(current_setting(wanted) ORDER BY place) INTO callers
    FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'lc_monetary', 'row_security']::text[]) WITH ORDINALITY AS w (wanted, place);
    PERFORM set_config(wanted, value, true) FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'lc_monetary', 'row_security']::text[], ARRAY['', 'UTC', 'ISO, YMD', 'postgres', '1', 'hex', 'base64', 'C', 'off']::text[]) AS w (wanted, value);
    EXECUTE query INTO counted, checksum;
    PERFORM set_config(wanted, value, true) FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'lc_monetary', 'row_security']::text[], callers) AS w (wanted, value);
  END;
  counted_before := counted;
  checksum_before := checksum;

  PERFORM set_config('search_path', '', true);
  PERFORM set_config('check_function_bodies', 'off', true);
  full_name := target::text;
  remembered := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r3' AND operation = 'create_hypertable' AND subject = '"reading"' RETURNING definition INTO remembered;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
  -- The index that create_hypertable added goes; one that somebody else made under its name since then stays.
  SELECT coalesce(array_agg(i.indexrelid), '{}') INTO unwanted_indexes
  FROM pg_index i JOIN jsonb_each_text(remembered -> 'indexes') AS added (name, definition)
    ON added.name = i.indexrelid::regclass::text AND added.definition = pg_get_indexdef(i.indexrelid)
  WHERE i.indrelid = target
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid);
  -- Twice: of the hypertable, to make the plain table by; and of the plain table, to compare.
  FOR pass IN 1 .. 2 LOOP
    -- Everything the catalogs know of the table, its identity sequences and what is made anew with it, each as the
    -- statement that says so and the place in which it is run.
    SELECT array_agg(rank ORDER BY rank, place, said), array_agg(said ORDER BY rank, place, said)
    INTO ranks, definitions
    FROM (
      SELECT 10, 0::bigint, format('CREATE %sTABLE %s (%s) USING %I%s%s',
               CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, c.oid::regclass,
               (SELECT string_agg(concat(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                         (SELECT format(' COLLATE %I.%I', n.nspname, l.collname)
                          FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
                          WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation),
                         CASE WHEN a.attgenerated <> '' THEN
                           format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(e.adbin, e.adrelid),
                                  CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END)
                         ELSE ' DEFAULT ' || pg_get_expr(e.adbin, e.adrelid) END,
                         CASE WHEN a.attidentity <> '' THEN
                           (SELECT format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s INCREMENT BY %s MINVALUE %s MAXVALUE %s '
                                          'START WITH %s CACHE %s%s)',
                                          CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, q.seqrelid::regclass,
                                          q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache,
                                          CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END)
                            FROM pg_depend d JOIN pg_sequence q ON q.seqrelid = d.objid
                            WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                              AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i') END,
                         CASE WHEN a.attnotnull THEN ' NOT NULL' END), ', ' ORDER BY a.attnum)
                FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
               m.amname,
               (SELECT format(' WITH (%s)', string_agg(format('%s = %L', name, value), ', ' ORDER BY of_toast, place))
                FROM (SELECT false, option_name, option_value, ordinality FROM pg_options_to_table(c.reloptions) WITH ORDINALITY
                      UNION ALL
                      SELECT true, 'toast.' || option_name, option_value, ordinality
                      FROM pg_class toast, pg_options_to_table(toast.reloptions) WITH ORDINALITY WHERE toast.oid = c.reltoastrelid
                     ) AS options (of_toast, name, value, place)
                HAVING count(*) > 0),
               (SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid = c.reltablespace))
      FROM pg_class c JOIN pg_am m ON m.oid = c.relam WHERE c.oid = target
      UNION ALL
      SELECT CASE c.relkind WHEN 'r' THEN 15 ELSE 72 END, a.attnum,
             format('ALTER TABLE %s ALTER COLUMN %I SET %s', c.oid::regclass, a.attname, setting)
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      CROSS JOIN LATERAL (
        SELECT 'STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
        WHERE a.attstorage <> t.typstorage
        UNION ALL
        SELECT 'COMPRESSION ' || CASE a.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END WHERE a.attcompression <> ''
        UNION ALL
        -- -1 up to PostgreSQL 16, NULL from 17 on: the default.
        SELECT 'STATISTICS ' || (to_jsonb(a) ->> 'attstattarget') WHERE (to_jsonb(a) ->> 'attstattarget')::int >= 0
        UNION ALL
        -- PostgreSQL 15.20 stores a pg_attver of its own there.
        SELECT format('(%s)', string_agg(format('%s = %L', option_name, option_value), ', ' ORDER BY ordinality))
        FROM pg_options_to_table(a.attoptions) WITH ORDINALITY
        WHERE option_name IN ('n_distinct', 'n_distinct_inherited') HAVING count(*) > 0
      ) AS settings (setting)
      WHERE c.oid = ANY (relations) AND c.relkind IN ('r', 'm')
      UNION ALL
      SELECT CASE c.relkind WHEN 'r' THEN 20 ELSE 71 END, 0, format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, pg_get_userbyid(c.relowner))
      FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind <> 'S'
      UNION ALL
      SELECT 22, 0, format('ALTER SEQUENCE %s OWNED BY %s.%I', d.objid::regclass, target, a.attname)
      FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
      JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.deptype = 'a'
      UNION ALL
      -- An index is made in default_tablespace.
      SELECT CASE c.relkind WHEN 'r' THEN 50 ELSE 74 END, CASE WHEN k.oid IS NULL THEN 1 ELSE 0 END,
             concat_ws(E';\n',
               format('SET LOCAL default_tablespace = %L', coalesce((SELECT spcname FROM pg_tablespace WHERE oid = i.reltablespace), '')),
               CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.oid)
                    ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.oid::regclass, k.conname, pg_get_constraintdef(k.oid)) END,
               -- A constraint's definition does not tell its index's options.
               CASE WHEN k.oid IS NOT NULL THEN
                 (SELECT format('ALTER INDEX %s SET (%s)', i.oid::regclass, string_agg(format('%s = %L', option_name, option_value), ', '))
                  FROM pg_options_to_table(i.reloptions) HAVING count(*) > 0) END,
               (SELECT string_agg(format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', i.oid::regclass, a.attnum,
                                         to_jsonb(a) ->> 'attstattarget'), E';\n' ORDER BY a.attnum)
                FROM pg_attribute a WHERE a.attrelid = i.oid AND (to_jsonb(a) ->> 'attstattarget')::int >= 0),
               (SELECT string_agg(format('ALTER INDEX %s DEPENDS ON EXTENSION %I', i.oid::regclass, e.extname), E';\n' ORDER BY e.extname)
                FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid AND d.deptype = 'x'),
               CASE WHEN x.indisclustered THEN format('ALTER TABLE %s CLUSTER ON %I', c.oid::regclass, i.relname) END,
               CASE WHEN x.indisreplident THEN format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', c.oid::regclass, i.relname) END,
               (SELECT format('COMMENT ON INDEX %s IS %L', i.oid::regclass, description)
                FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid = i.oid))
      FROM pg_class c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
      LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')
      WHERE c.oid = ANY (relations) AND NOT i.oid = ANY (unwanted_indexes)
      UNION ALL
      SELECT 50, 0, format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE conrelid = target AND contype = 'c'
      UNION ALL
      -- Its own foreign keys, and those that point at it: TimescaleDB adds more for its chunks, which go with them.
      SELECT 56, 0, format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', conrelid::regclass, conname, pg_get_constraintdef(oid),
                           CASE WHEN convalidated AND conrelid <> target THEN
                             format(E' NOT VALID;\nALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) END)
      FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND target IN (conrelid, confrelid)
      UNION ALL
      SELECT 58, 0, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, k.conrelid::regclass, description)
      FROM pg_constraint k JOIN pg_description ON classoid = 'pg_constraint'::regclass AND objoid = k.oid
      WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0
        AND (k.conrelid = target OR k.contype = 'f' AND k.confrelid = target)
      UNION ALL
      SELECT 59, 0, format('ALTER TABLE %s REPLICA IDENTITY %s', target, CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
      FROM pg_class WHERE oid = target AND relreplident IN ('f', 'n')
      UNION ALL
      SELECT CASE c.relkind WHEN 'r' THEN 60 ELSE 76 END, 0, concat_ws(E';\n', pg_get_statisticsobjdef(s.oid),
               format('ALTER STATISTICS %I.%I OWNER TO %I', n.nspname, s.stxname, pg_get_userbyid(s.stxowner)),
               CASE WHEN (to_jsonb(s) ->> 'stxstattarget')::int >= 0 THEN
                 format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname, to_jsonb(s) ->> 'stxstattarget') END,
               (SELECT format('COMMENT ON STATISTICS %I.%I IS %L', n.nspname, s.stxname, description)
                FROM pg_description WHERE classoid = 'pg_statistic_ext'::regclass AND objoid = s.oid))
      FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace JOIN pg_class c ON c.oid = s.stxrelid
      WHERE c.oid = ANY (relations)
      UNION ALL
      SELECT CASE c.relkind WHEN 'r' THEN 65 ELSE 78 END, 0, concat_ws(E';\n', t.definition, t.set_mode)
      FROM (SELECT oid::regclass AS relation, relkind FROM pg_class WHERE oid = ANY (relations)) AS c
      CROSS JOIN LATERAL (
        SELECT t.tgenabled AS mode,
               concat_ws(E';\n', pg_get_triggerdef(t.oid),
                 (SELECT format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, c.relation, description)
                  FROM pg_description WHERE classoid = 'pg_trigger'::regclass AND objoid = t.oid),
                 (SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', t.tgname, c.relation, description)
                  FROM pg_description WHERE classoid = 'pg_constraint'::regclass AND objoid = t.tgconstraint),
                 (SELECT string_agg(format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION %I', t.tgname, c.relation, e.extname),
                                    E';\n' ORDER BY e.extname)
                  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                  WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
                    AND d.refclassid = 'pg_extension'::regclass)) AS definition,
               CASE WHEN t.tgenabled <> 'O' THEN
                 format('ALTER TABLE %s %s TRIGGER %I', c.relation,
                        CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
                        t.tgname) END AS set_mode
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = c.relation AND NOT t.tgisinternal
          AND p.pronamespace::regnamespace::text NOT LIKE '\_timescaledb%' -- ts_insert_blocker is a hypertable's own
        ORDER BY t.tgname COLLATE "C"
      ) AS t
      UNION ALL
      SELECT 80, 0, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target) FROM pg_class WHERE oid = target AND relrowsecurity
      UNION ALL
      SELECT 81, 0, concat(format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, target,
                                  CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                                  CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                       WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                                  (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(role)) END, ', ' ORDER BY place)
                                   FROM unnest(p.polroles) WITH ORDINALITY AS r (role, place))),
                           ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                           ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')',
                           (SELECT format(E';\nCOMMENT ON POLICY %I ON %s IS %L', p.polname, target, description)
                            FROM pg_description WHERE classoid = 'pg_policy'::regclass AND objoid = p.oid))
      FROM pg_policy p WHERE p.polrelid = target
      UNION ALL
      SELECT 85, 0, format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s', p.pubname, r.prrelid::regclass,
               ' (' || (SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
                        WHERE attrelid = r.prrelid AND attnum = ANY (r.prattrs)) || ')',
               ' WHERE ' || pg_get_expr(r.prqual, r.prrelid))
      FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE r.prrelid = target
      UNION ALL
      SELECT 70, array_position(doomed_names, c.oid::regclass::text),
             format('CREATE %s %s%s%s%s AS %s%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass,
                    (SELECT format(' USING %I', amname) FROM pg_am WHERE oid = c.relam),
                    (SELECT format(' WITH (%s)', string_agg(format('%s = %L', option_name, option_value), ', '))
                     FROM pg_options_to_table(c.reloptions) HAVING count(*) > 0),
                    (SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid = c.reltablespace AND c.relkind = 'm'),
                    rtrim(pg_get_viewdef(c.oid), ';'),
                    CASE WHEN c.relkind = 'm' THEN CASE WHEN c.relispopulated THEN ' WITH DATA' ELSE ' WITH NO DATA' END END)
      FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind IN ('v', 'm')
      UNION ALL
      SELECT 70, array_position(doomed_names, p.oid::regprocedure::text),
             concat_ws(E';\n', rtrim(pg_get_functiondef(p.oid), E'\n'),
                       format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, pg_get_userbyid(p.proowner)),
                       (SELECT string_agg(format('ALTER ROUTINE %s DEPENDS ON EXTENSION %I', p.oid::regprocedure, e.extname), E';\n' ORDER BY e.extname)
                        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'x'),
                       (SELECT format('COMMENT ON ROUTINE %s IS %L', p.oid::regprocedure, description)
                        FROM pg_description WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid))
      FROM pg_proc p WHERE p.oid = ANY (doomed_functions)
      UNION ALL
      SELECT 72, a.attnum, format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname, pg_get_expr(e.adbin, e.adrelid))
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = a.attnum
      WHERE c.oid = ANY (relations) AND c.relkind = 'v'
      UNION ALL
      SELECT 77, 0, concat_ws(E';\n', rtrim(pg_get_ruledef(w.oid), ';'),
               (SELECT format('COMMENT ON RULE %I ON %s IS %L', w.rulename, w.ev_class::regclass, description)
                FROM pg_description WHERE classoid = 'pg_rewrite'::regclass AND objoid = w.oid))
      FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
      WHERE c.oid = ANY (relations) AND c.relkind IN ('v', 'm') AND w.rulename <> '_RETURN'
      UNION ALL
      -- Comments, then grants: in the order of the access list, which pg_dump keeps.
      SELECT 90, d.objsubid, format('COMMENT ON %s %s%s IS %L',
               CASE WHEN d.objsubid > 0 THEN 'COLUMN' WHEN c.relkind = 'v' THEN 'VIEW' WHEN c.relkind = 'm' THEN 'MATERIALIZED VIEW'
                    WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
               c.oid::regclass, (SELECT format('.%I', attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum = d.objsubid AND attnum > 0),
               d.description)
      FROM pg_class c JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid
      WHERE c.oid = ANY (relations)
      UNION ALL
      SELECT rank, place, format(CASE rank WHEN 94 THEN 'REVOKE %s ON %s FROM %s' ELSE 'GRANT %s ON %s TO %s%s' END,
                                 privilege, object, grantee, CASE WHEN grantable THEN ' WITH GRANT OPTION' END)
      FROM (
        SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS object, c.relowner AS owner,
               coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS rights,
               c.relacl IS NULL AS ordinary
        FROM pg_class c WHERE c.oid = ANY (relations)
        UNION ALL
        SELECT 'ROUTINE ' || p.oid::regprocedure, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), p.proacl IS NULL
        FROM pg_proc p WHERE p.oid = ANY (doomed_functions)
      ) AS granted
      CROSS JOIN LATERAL (
        -- What is made anew begins with the default privileges of its schema and its maker.
        SELECT 94, 0, 'ALL', CASE role WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(role)) END, false
        FROM (SELECT 0 AS role UNION SELECT owner UNION SELECT (aclexplode(defaclacl)).grantee FROM pg_default_acl) AS roles
        UNION ALL
        SELECT 95, i.place, e.privilege_type, CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(e.grantee)) END,
               e.is_grantable
        FROM unnest(rights) WITH ORDINALITY AS i (item, place), aclexplode(ARRAY[i.item]) AS e
      ) AS said (rank, place, privilege, grantee, grantable)
      WHERE NOT ordinary OR EXISTS (SELECT FROM pg_default_acl)
      UNION ALL
      SELECT 96, a.attnum * 1000 + i.place, format('GRANT %s (%I) ON TABLE %s TO %s%s', e.privilege_type, a.attname, c.oid::regclass,
               CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(e.grantee)) END,
               CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' END)
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped,
           unnest(a.attacl) WITH ORDINALITY AS i (item, place), aclexplode(ARRAY[i.item]) AS e
      WHERE c.oid = ANY (relations)
    ) AS captured (rank, place, said);
    IF pass = 1 THEN
      definitions_before := definitions;
      -- The hypertable steps aside into a schema of its own, which frees every name; chunks stay where they are.
      number := 0;
      LOOP
        hold := 'tsmigrate_hold' || coalesce('_' || nullif(number, 0), '');
        EXIT WHEN NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = hold);
        number := number + 1;
      END LOOP;
      held := format('%I.%I', hold, facts.relname);
      FOREACH statement IN ARRAY detaching LOOP
        EXECUTE statement;
      END LOOP;
      EXECUTE format('CREATE SCHEMA %I', hold);
      EXECUTE format('ALTER TABLE %s SET SCHEMA %I', full_name, hold);

      FOR number IN 1 .. cardinality(definitions) LOOP
        IF ranks[number] < 50 THEN
          EXECUTE definitions[number];
        END IF;
      END LOOP;
      target := full_name::regclass;
      FOR identity IN
        SELECT format('%I.%I', hold, s.relname) AS held, format('%I.%I', facts.nspname, s.relname) AS name
        FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.deptype = 'i'
      LOOP
        EXECUTE format('SELECT setval(%L, last_value, is_called) FROM %s', identity.name, identity.held);
      END LOOP;

      SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO column_list
      FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND attgenerated = '';
      PERFORM set_config('search_path', callers_path, true);
      EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s', full_name, column_list, column_list, held);

      FOR number IN 1 .. cardinality(definitions) LOOP
        IF ranks[number] BETWEEN 50 AND 69 THEN
          EXECUTE definitions[number];
        END IF;
      END LOOP;
      FOREACH statement IN ARRAY repointing LOOP
        EXECUTE statement;
      END LOOP;
      FOR number IN 1 .. cardinality(definitions) LOOP
        IF ranks[number] >= 70 THEN
          EXECUTE definitions[number];
        END IF;
      END LOOP;

      -- How many rows, and a checksum that knows no order: what catalog.checksum computes. Its settings decide how values
      -- are written; the caller's come back afterwards.
      DECLARE
        query text;
        callers text[];
      BEGIN
        SELECT format('SELECT count(*), coalesce(sum(hash_record_extended(ROW(%s), 0)), 0) FROM %I.%I',
                      string_agg(CASE WHEN t.typname = ANY (ARRAY['bool', 'bytea', 'cidr', 'date', 'inet', 'int2', 'int4', 'int8', 'macaddr', 'oid', 'time', 'timestamp', 'timestamptz', 'timetz', 'uuid']::text[]) AND t.typnamespace = 'pg_catalog'::regnamespace
                                      THEN format('%I', a.attname) ELSE format('%I::text COLLATE "C"', a.attname) END,
                                 ', ' ORDER BY a.attnum), n.nspname, c.relname)
        INTO query
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE c.oid = target
        GROUP BY n.nspname, c.relname;
        SELECT array_agg(current_setting(wanted) ORDER BY place) INTO callers
        FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'lc_monetary', 'row_security']::text[]) WITH ORDINALITY AS w (wanted, place);
        PERFORM set_config(wanted, value, true) FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'lc_monetary', 'row_security']::text[], ARRAY['', 'UTC', 'ISO, YMD', 'postgres', '1', 'hex', 'base64', 'C', 'off']::text[]) AS w (wanted, value);
        EXECUTE query INTO counted, checksum;
        PERFORM set_config(wanted, value, true) FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'lc_monetary', 'row_security']::text[], callers) AS w (wanted, value);
      END;
      IF (counted, checksum) IS DISTINCT FROM (counted_before, checksum_before) THEN
        RAISE EXCEPTION USING ERRCODE = 'TSM02',
          MESSAGE = format('%s had %s rows (checksum %s) as a hypertable and as a plain table would have %s (checksum %s)',
                           table_name, counted_before, checksum_before, counted, checksum),
          HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way.';
      END IF;

      -- The new objects, under the old names.
      PERFORM set_config('search_path', '', true);
      relations := ARRAY(SELECT name::regclass FROM unnest(relation_names) WITH ORDINALITY AS r (name, place) ORDER BY place);
      doomed_functions := ARRAY(SELECT name::regprocedure FROM unnest(function_names) WITH ORDINALITY AS f (name, place) ORDER BY place);
      unwanted_indexes := '{}';
    END IF;
  END LOOP;
  -- What the catalogs say of the new objects must be what they said of the old.
  -- As sets: column numbers, which order some of them, close up where columns were dropped.
  SELECT string_agg(sign || line, E'\n') INTO said_otherwise
  FROM ((SELECT '- ' AS sign, unnest(definitions_before) AS line EXCEPT ALL SELECT '- ', unnest(definitions))
        UNION ALL
        (SELECT '+ ', unnest(definitions) EXCEPT ALL SELECT '+ ', unnest(definitions_before))) AS differing;
  IF said_otherwise IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'TSM02',
      MESSAGE = format(E'%s as a plain table would differ:\n%s', table_name, said_otherwise),
      HINT = 'Nothing was changed: the transaction is rolled back. Drop what the lines name first, and create it again afterwards.';
  END IF;

  -- RESTRICT: whatever still depends on the hypertable stops this.
  EXECUTE format('DROP TABLE %s RESTRICT', held);
  EXECUTE format('DROP SCHEMA %I RESTRICT', hold);

  -- What only the plain table had.
  IF (remembered ->> 'nullable')::bool AND NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = target AND a.attname = time_column
    WHERE i.indrelid = target AND i.indisprimary AND a.attnum = ANY (i.indkey::int2[])
  ) THEN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', full_name, time_column);
  END IF;
  FOR statement IN
    SELECT value FROM jsonb_array_elements_text(remembered -> 'triggers_kept_off')
    UNION ALL SELECT value FROM jsonb_array_elements_text(remembered -> 'trigger_modes')
  LOOP
    EXECUTE statement;
  END LOOP;
  FOR statement IN SELECT value FROM jsonb_array_elements_text(remembered -> 'publications') LOOP
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN undefined_object OR duplicate_object THEN
      RAISE WARNING '% is not published as before (%): %', table_name, statement, SQLERRM;
    END;
  END LOOP;
  IF forced THEN
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', full_name);
  END IF;
  PERFORM set_config('search_path', callers_path, true);
  PERFORM set_config('check_function_bodies', callers_check_bodies, true);
  PERFORM set_config('default_tablespace', callers_tablespace, true);
  PERFORM set_config('lock_timeout', callers_lock_timeout, true);
END
$tsmigrate$;;

UPDATE alembic_version SET version_num='r2' WHERE alembic_version.version_num = 'r3';

COMMIT;

BEGIN;

-- Running downgrade r2 -> r1

DO $tsmigrate$
DECLARE
  was_there jsonb;
  hypertables text;
BEGIN
  was_there := NULL;
  IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
    DELETE FROM tsmigrate.undo WHERE revision = 'r2' AND operation = 'create_timescaledb_extension' AND subject = 'timescaledb' RETURNING definition INTO was_there;
    IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
      DROP TABLE tsmigrate.undo;
      IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
        DROP SCHEMA tsmigrate;
      END IF;
    END IF;
  END IF;
  IF was_there IS NULL AND EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    SELECT string_agg(format('%I.%I', hypertable_schema, hypertable_name), ', ')
      INTO hypertables FROM timescaledb_information.hypertables;
    IF hypertables IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'TSM01', MESSAGE = format('these are still hypertables: %s', hypertables), HINT = 'revert them first: op.revert_hypertable';
    END IF;
    DROP EXTENSION timescaledb RESTRICT;
  END IF;
END
$tsmigrate$;;

UPDATE alembic_version SET version_num='r1' WHERE alembic_version.version_num = 'r2';

COMMIT;

BEGIN;

-- Running downgrade r1 -> 

DROP TABLE reading;

DELETE FROM alembic_version WHERE alembic_version.version_num = 'r1';

COMMIT;

