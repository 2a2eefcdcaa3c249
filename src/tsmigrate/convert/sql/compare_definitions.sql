-- What the catalogs say of the new objects must be what they said of the old.
-- As sets: column numbers, which order some of them, close up where columns were dropped.
SELECT string_agg(sign || line, E'\n') INTO said_otherwise
FROM ((SELECT '- ' AS sign, unnest(definitions_before) AS line EXCEPT ALL SELECT '- ', unnest(definitions))
      UNION ALL
      (SELECT '+ ', unnest(definitions) EXCEPT ALL SELECT '+ ', unnest(definitions_before))) AS differing;
IF said_otherwise IS NOT NULL THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format(E'%s as %s would differ:\n%s', table_name, {{goal}}, said_otherwise),
    HINT = 'Nothing was changed: the transaction is rolled back. Drop what the lines name first, and create it again afterwards.';
END IF;
