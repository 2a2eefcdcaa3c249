-- Before 2.29.1 a column that is dropped from the hypertable stays on a chunk that was attached.
SELECT format('ALTER TABLE %s DROP COLUMN %I', {{attached_name}}, attname) FROM pg_attribute a
WHERE attrelid = {{attached_name}}::regclass AND attnum > 0 AND NOT attisdropped
  AND NOT EXISTS (SELECT FROM pg_attribute
                  WHERE attrelid = target AND attname = a.attname AND attnum > 0 AND NOT attisdropped)
