FOR number IN 1 .. cardinality(definitions) LOOP
  IF ranks[number] < 50 THEN
    EXECUTE definitions[number];
  END IF;
END LOOP;
target := full_name::regclass;
{{carry_identities}}
