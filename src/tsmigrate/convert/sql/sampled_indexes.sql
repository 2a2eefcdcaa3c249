-- The same definitions, of the sample: what stands before USING is known to the letter.
SELECT 'CREATE INDEX ON pg_temp.tsmigrate_sample USING ' || substr(definition, length(head) + 1)
FROM (SELECT pg_get_indexdef(x.indexrelid) AS definition,
             format('CREATE %sINDEX %I ON %I.%I USING ', CASE WHEN x.indisunique THEN 'UNIQUE ' END, i.relname, n.nspname,
                    c.relname) AS head
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE x.indrelid = {{relation}} AND x.indisvalid) AS found
WHERE starts_with(definition, head)
