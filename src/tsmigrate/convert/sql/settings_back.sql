FOR number IN 1 .. cardinality(settings) LOOP
  PERFORM set_config(settings[number], callers_settings[number], true);
END LOOP;
