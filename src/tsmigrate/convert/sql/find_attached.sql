-- Whether the table that was attached is still there to be detached: retention drops it as any chunk.
SELECT n.nspname INTO extension_schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'timescaledb';
attached := coalesce(partitioned ->> 'table', remembered ->> 'attached');
attached_in := CASE WHEN partitioned IS NULL THEN (parse_ident(attached))[1:1]
                    ELSE ARRAY(SELECT jsonb_object_keys(partitioned -> 'schemas')) END;
IF attached IS NOT NULL AND partitioned IS NULL AND NOT (
  _timescaledb_functions.tsl_loaded()
  AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(attached) AND inhparent = target)
) THEN
  attached := NULL;
  {{tell_gone}}
END IF;
