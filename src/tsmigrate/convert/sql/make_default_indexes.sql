-- Those that create_hypertable adds where there is no index of just these columns: it could not see the ones above.
IF default_indexes AND rebuilding <> '{}' THEN
  FOR statement IN
    SELECT format('CREATE INDEX ON %s (%s DESC)%s', target, string_agg(quote_ident(name), ', ' ORDER BY place),
                  (SELECT format(' TABLESPACE %I', spcname) FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace
                   WHERE c.oid = target))
    FROM (VALUES (ARRAY[time_column]), (ARRAY[hash_column, time_column])) AS added (names),
         unnest(names) WITH ORDINALITY AS n (name, place)
    WHERE names[1] IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = target AND names =
                      ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = indexrelid ORDER BY attnum))
    GROUP BY names ORDER BY cardinality(names)
  LOOP
    PERFORM set_config('application_name', 'tsmigrate: building the default index', true);
    EXECUTE statement;
  END LOOP;
END IF;
