-- What was copied is not kept twice.
{{own_triggers}}
FOREACH statement IN ARRAY own_triggers_off LOOP
  EXECUTE statement;
END LOOP;
EXECUTE format('TRUNCATE %s', held);
FOREACH statement IN ARRAY own_triggers_on LOOP
  EXECUTE statement;
END LOOP;
