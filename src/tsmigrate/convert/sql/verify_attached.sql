-- No row was touched: the chunk has the file that the table had, and the hypertable shows as many rows.
EXECUTE format('SELECT count(*) FROM %s', full_name) INTO counted;
IF counted <> counted_before OR pg_relation_filenode(held) IS DISTINCT FROM heap_before THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('%s had %s rows and as a hypertable would have %s', table_name, counted_before, counted),
    HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way, such as an event trigger.';
END IF;
-- Dependents that still read the chunk would miss the rows of the others.
SELECT string_agg(DISTINCT pg_describe_object(classid, objid, objsubid), ', ') INTO said_otherwise
FROM pg_depend
WHERE deptype = 'n' AND classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
  AND (refclassid = 'pg_class'::regclass AND refobjid = held::regclass
       OR refclassid = 'pg_type'::regclass AND refobjid IN
          (SELECT unnest(ARRAY[oid, typarray]) FROM pg_type WHERE typrelid = held::regclass));
IF said_otherwise IS NOT NULL THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('%s would still depend on the rows that %s holds now', said_otherwise, table_name),
    HINT = 'Nothing was changed: the transaction is rolled back. Drop it first, and create it again afterwards.';
END IF;
