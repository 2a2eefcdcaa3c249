SELECT 58, 0, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, k.conrelid::regclass, description)
FROM pg_constraint k JOIN pg_description ON classoid = 'pg_constraint'::regclass AND objoid = k.oid
WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0
  AND (k.conrelid = target OR k.contype = 'f' AND k.confrelid = target)
