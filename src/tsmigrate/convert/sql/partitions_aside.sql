-- Its partitions follow it: whoever wrote to one of them by name would write past the hypertable. Those of another schema
-- go into one of their own, since only names of one schema are sure not to meet.
holds := jsonb_build_object(hold, facts.nspname);
FOR partition IN
  SELECT c.oid::regclass AS name, c.relname, n.nspname
  FROM pg_partition_tree(held) t JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE t.level > 0
  ORDER BY n.nspname, c.relname
LOOP
  SELECT key INTO other_hold FROM jsonb_each_text(holds) WHERE value = partition.nspname;
  IF other_hold IS NULL THEN
    number := 0;
    LOOP
      number := number + 1;
      other_hold := hold || '_' || number;
      EXIT WHEN NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = other_hold);
    END LOOP;
    EXECUTE format('CREATE SCHEMA %I', other_hold);
    holds := holds || jsonb_build_object(other_hold, partition.nspname);
  END IF;
  EXECUTE format('ALTER TABLE %s SET SCHEMA %I', partition.name, other_hold);
END LOOP;
