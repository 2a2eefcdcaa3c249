-- The lock, and those on the tables that foreign keys tie to this one. A failed try lets go of all of them and pauses,
-- so that nobody queues behind us for longer than lock_timeout.
DECLARE
  other regclass;
  attempt int := 0;
BEGIN
  LOOP
    BEGIN
      PERFORM set_config('lock_timeout', {{lock_timeout}}, true);
      EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', table_name);
      FOR other IN
        SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = target AND confrelid <> target
          AND conparentid = 0 AND has_table_privilege(confrelid, 'UPDATE')
        UNION
        SELECT conrelid FROM pg_constraint c WHERE contype = 'f' AND confrelid = target AND conrelid <> target
          AND conparentid = 0 AND has_table_privilege(conrelid, 'UPDATE')
      LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', other);
      END LOOP;
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      attempt := attempt + 1;
      IF attempt > {{lock_retries}} THEN
        RAISE EXCEPTION USING ERRCODE = 'lock_not_available',
          MESSAGE = format('cannot lock %s: others kept it busy at each of %s tries of %s ms',
                           table_name, attempt, {{lock_timeout}}),
          HINT = 'Try again when it is quiet, end what holds it (see pg_blocking_pids), or raise lock_timeout and lock_retries.';
      END IF;
      PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 10) * (0.5 + random()));
    END;
  END LOOP;
  IF to_regclass(table_name) IS DISTINCT FROM target THEN
    RAISE EXCEPTION USING ERRCODE = 'lock_not_available',
      MESSAGE = format('%s was replaced by another table while we waited for its lock', table_name),
      HINT = 'Run it again.';
  END IF;
END;
