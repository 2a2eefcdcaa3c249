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
