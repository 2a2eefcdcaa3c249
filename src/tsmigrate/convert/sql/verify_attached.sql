-- Nobody else could write, and this transaction did not: the chunk has the file that the table had, no row of it was
-- written since it was counted, and no other chunk came to it. Where the server does not count what is written, we do.
IF current_setting('track_counts')::bool THEN
  counted := counted_before + pg_stat_get_xact_tuples_inserted(held::regclass) + pg_stat_get_xact_tuples_updated(held::regclass)
             + pg_stat_get_xact_tuples_deleted(held::regclass) - written_before;
ELSE
  EXECUTE format('SELECT count(*) FROM %s', held) INTO counted;
END IF;
IF counted <> counted_before OR pg_relation_filenode(held) IS DISTINCT FROM heap_before OR pg_relation_size(target) > 0
  OR (SELECT count(*) FROM pg_inherits WHERE inhparent = target) <> 1 THEN
  RAISE EXCEPTION USING ERRCODE = {{mismatch}},
    MESSAGE = format('rows of %s were written while it became a hypertable', table_name),
    HINT = 'Nothing was changed: the transaction is rolled back. Look for what alters or drops rows on their way, such as an event trigger.';
END IF;
{{verify_repointed}}
