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
