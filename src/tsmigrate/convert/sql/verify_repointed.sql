-- Dependents that still read what was the table would miss the rows that the hypertable has elsewhere.
SELECT string_agg(DISTINCT pg_describe_object(classid, objid, objsubid), ', ') INTO said_otherwise
FROM pg_depend
WHERE deptype = 'n' AND classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
  AND (refclassid = 'pg_class'::regclass AND refobjid = held::regclass
       OR refclassid = 'pg_type'::regclass AND refobjid IN
          (SELECT unnest(ARRAY[oid, typarray]) FROM pg_type WHERE typrelid = held::regclass));
IF said_otherwise IS NOT NULL THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('%s would still depend on what %s was before', said_otherwise, table_name),
    HINT = 'Nothing was changed: the transaction is rolled back. Drop it first, and create it again afterwards.';
END IF;
