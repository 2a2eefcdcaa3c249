-- The index that create_hypertable added goes; one that somebody else made under its name since then stays.
SELECT coalesce(array_agg(i.indexrelid), '{}') INTO unwanted_indexes
FROM pg_index i JOIN jsonb_each_text(remembered -> 'indexes') AS added (name, definition)
  ON added.name = i.indexrelid::regclass::text AND added.definition = pg_get_indexdef(i.indexrelid)
WHERE i.indrelid = target
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid);
