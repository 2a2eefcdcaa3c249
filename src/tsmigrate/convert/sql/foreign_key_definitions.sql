-- Its own foreign keys, and those that point at it: TimescaleDB adds more for its chunks, which go with them.
SELECT CASE conrelid WHEN target THEN 56 ELSE 57 END, 0, format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', conrelid::regclass, conname, pg_get_constraintdef(oid),
                     CASE WHEN convalidated AND conrelid <> target
                               AND NOT EXISTS (SELECT FROM pg_class WHERE oid = conrelid AND relkind = 'p') THEN
                       format(E' NOT VALID;\nALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) END)
FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND target IN (conrelid, confrelid) AND NOT oid = ANY (unwanted_foreign_keys)
