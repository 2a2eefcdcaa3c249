FOREACH hold IN ARRAY attached_in LOOP
  BEGIN
    EXECUTE format('DROP SCHEMA IF EXISTS %I RESTRICT', hold);
  EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
    RAISE WARNING 'the schema % stays: %', hold, SQLERRM;
  END;
END LOOP;
