FOREACH statement IN ARRAY repointing LOOP
  EXECUTE statement;
END LOOP;
FOR number IN 1 .. cardinality(definitions) LOOP
  IF ranks[number] >= 70 THEN
    EXECUTE definitions[number];
  END IF;
END LOOP;
