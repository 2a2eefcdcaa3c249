-- What the hypertable had and the table has not.
FOR number IN 1 .. cardinality(definitions_before) LOOP
  IF ranks_before[number] BETWEEN 11 AND 69 AND NOT definitions_before[number] = ANY (definitions) THEN
    EXECUTE definitions_before[number];
  END IF;
END LOOP;
FOREACH statement IN ARRAY repointing LOOP
  EXECUTE statement;
END LOOP;
FOR number IN 1 .. cardinality(definitions_before) LOOP
  IF ranks_before[number] BETWEEN 70 AND 93 AND NOT definitions_before[number] = ANY (definitions) THEN
    EXECUTE definitions_before[number];
  END IF;
END LOOP;
-- Grants on the hypertable reached the table too, in another order.
FOR statement IN
  SELECT DISTINCT format('REVOKE ALL ON TABLE %s FROM %s CASCADE', full_name,
                         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END)
  FROM (SELECT (aclexplode(relacl)).grantee FROM pg_class WHERE oid = target
        UNION ALL
        SELECT (aclexplode(attacl)).grantee FROM pg_attribute WHERE attrelid = target) AS granted
LOOP
  EXECUTE statement;
END LOOP;
-- Rights that nobody has changed are the owner's alone.
IF NOT EXISTS (SELECT FROM unnest(ranks_before, definitions_before) AS d (rank, definition)
               WHERE rank BETWEEN 94 AND 95 AND position(format(' ON TABLE %s ', full_name) IN definition) > 0)
  AND (SELECT relacl IS NOT NULL FROM pg_class WHERE oid = target) THEN
  EXECUTE format('GRANT ALL ON TABLE %s TO %I', full_name, (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = target));
END IF;
FOR number IN 1 .. cardinality(definitions_before) LOOP
  IF ranks_before[number] >= 94 THEN
    EXECUTE definitions_before[number];
  END IF;
END LOOP;
