-- Triggers of a partition alone would see its rows go and come.
SELECT coalesce(array_agg(format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', t.tgrelid::regclass, t.tgname)), '{}'),
       coalesce(array_agg(format('ALTER TABLE ONLY %s %s TRIGGER %I', t.tgrelid::regclass,
                                 CASE t.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
                                 t.tgname)), '{}')
INTO own_triggers_off, own_triggers_on
FROM pg_trigger t JOIN pg_partition_tree({{partitioned_table}}) AS tree ON tree.relid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D';
