-- The policies that count are the hypertable's.
FOR statement IN SELECT format('DROP POLICY %I ON %s', polname, held) FROM pg_policy WHERE polrelid = held::regclass LOOP
  EXECUTE statement;
END LOOP;
