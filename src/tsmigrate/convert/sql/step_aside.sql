-- The table steps aside into a schema of its own, which frees every name; a hypertable's chunks stay where they are.
number := 0;
LOOP
  hold := {{hold}} || coalesce('_' || nullif(number, 0), '');
  EXIT WHEN NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = hold);
  number := number + 1;
END LOOP;
held := format('%I.%I', hold, facts.relname);
FOREACH statement IN ARRAY detaching LOOP
  EXECUTE statement;
END LOOP;
EXECUTE format('CREATE SCHEMA %I', hold);
EXECUTE format('ALTER TABLE %s SET SCHEMA %I', full_name, hold);
