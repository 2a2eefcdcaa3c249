FOR partition IN
  SELECT c.oid::regclass AS name, value AS home
  FROM pg_partition_tree(attached) t JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN jsonb_each_text(partitioned -> 'schemas') ON key = n.nspname
  ORDER BY t.level, c.relname
LOOP
  EXECUTE format('ALTER TABLE %s SET SCHEMA %I', partition.name, partition.home);
END LOOP;
