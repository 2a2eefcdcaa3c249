BEGIN
  IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass({{table}}) AND relkind = 'p') THEN
    {{partitioned}}
  ELSE
    {{otherwise}}
  END IF;
END
