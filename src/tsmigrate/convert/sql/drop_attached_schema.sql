BEGIN
  EXECUTE format('DROP SCHEMA IF EXISTS %I RESTRICT', attached_in);
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
  RAISE WARNING 'the schema % stays: %', attached_in, SQLERRM;
END;
