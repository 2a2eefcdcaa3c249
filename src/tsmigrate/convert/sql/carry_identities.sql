-- The numbers go on where they were.
FOR identity IN
  SELECT format('%I.%I', hold, s.relname) AS held, format('%I.%I', facts.nspname, s.relname) AS name
  FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.deptype = 'i'
LOOP
  EXECUTE format('SELECT setval(%L, last_value, is_called) FROM %s', identity.name, identity.held);
END LOOP;
