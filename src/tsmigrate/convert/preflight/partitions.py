"""What a partitioned table brings along: its partitions, and what belongs to one of them alone."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked, refused, warned
from tsmigrate.finding import Severity


@refused
def partition() -> str:
    """Whether it is itself a partition of another table."""
    return """
        SELECT format('it is a partition of %s', inhparent::regclass), 'a hypertable cannot be one',
               format('Convert %s, or detach it: ALTER TABLE %s DETACH PARTITION %s', inhparent::regclass,
                      inhparent::regclass, target)
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p' WHERE i.inhrelid = target
    """


@refused
def foreign_partitions() -> str:
    """Whether a partition is a foreign table."""
    return """
        SELECT format('its partition %s is a foreign table', c.oid::regclass),
               'its rows are on another server, where they could not be moved in the same transaction',
               format('Detach it, or copy its rows into an ordinary partition: ALTER TABLE %s DETACH PARTITION %s',
                      i.inhparent::regclass, c.oid::regclass)
        FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid JOIN pg_inherits i ON i.inhrelid = c.oid
        WHERE c.relkind = 'f'
    """


@refused
def detaching_partitions() -> str:
    """Whether a partition is half detached."""
    return """
        SELECT format('its partition %s is being detached', inhrelid::regclass),
               'DETACH PARTITION CONCURRENTLY was cut off: its rows belong to the table no more',
               format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', inhparent::regclass, inhrelid::regclass)
        FROM pg_inherits WHERE inhparent IN (SELECT relid FROM pg_partition_tree(target)) AND inhdetachpending
    """


@refused
def partition_rights() -> str:
    """Whether the role may move and empty each partition."""
    return """
        SELECT format('%I may not change its partition %s', current_user, c.oid::regclass),
               'it is moved aside, and emptied once its rows are in chunks',
               format('Run it as a member of %I too.', pg_get_userbyid(c.relowner))
        FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid
        WHERE t.level > 0 AND facts.owned AND NOT pg_has_role(c.relowner, 'USAGE')
        UNION ALL
        SELECT format('%I may not create tables in the schema %I, where its partition %I is', current_user, n.nspname,
                      c.relname),
               'it is moved aside, and has to come back',
               format('GRANT CREATE ON SCHEMA %I TO %I', n.nspname, current_user)
        FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE t.level > 0 AND facts.owned AND NOT has_schema_privilege(n.oid, 'CREATE')
        UNION ALL
        SELECT format('%I has no right to TRUNCATE its partition %s', current_user, c.oid::regclass),
               'it is emptied once its rows are in chunks',
               format('GRANT TRUNCATE ON %s TO %I', c.oid::regclass, current_user)
        FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid
        WHERE t.level > 0 AND facts.owned AND pg_has_role(c.relowner, 'USAGE')
          AND NOT has_table_privilege(c.oid, 'TRUNCATE')
    """


@refused
def partition_dependents() -> str:
    """Whether something reads, or refers to, one of the partitions by its name."""
    return """
        -- It would be left with a table that waits aside, without rows.
        SELECT DISTINCT format('%s depends on its partition %s alone',
                               pg_describe_object(d.classid, d.objid, d.objsubid), c.oid::regclass),
               'the partition''s rows will be the hypertable''s', format('Drop it, or let it read %s.', target)
        FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid
        CROSS JOIN LATERAL (
          SELECT 'pg_class'::regclass, c.oid
          UNION ALL SELECT 'pg_type'::regclass, unnest(ARRAY[y.oid, y.typarray]) FROM pg_type y WHERE y.oid = c.reltype
        ) AS named (class, object)
        JOIN pg_depend d ON (d.refclassid, d.refobjid, d.deptype) = (named.class, named.object, 'n')
        LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
        LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
        LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
        WHERE t.level > 0 AND NOT coalesce(w.ev_class, p.polrelid, a.adrelid, k.conrelid, g.tgrelid, 0) = c.oid
          AND d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass, 'pg_class'::regclass,
                            'pg_attrdef'::regclass)
        UNION ALL
        SELECT format('the foreign key %I of %s points at its partition %s alone', k.conname, k.conrelid::regclass,
                      k.confrelid::regclass),
               'the partition''s rows will be the hypertable''s',
               format('Drop it first: ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
        FROM pg_partition_tree(target) t JOIN pg_constraint k ON k.confrelid = t.relid
        WHERE t.level > 0 AND k.contype = 'f' AND k.conparentid = 0
    """


@warned
def partition_rules() -> str:
    """Which partitions have triggers, checks, keys or policies of their own, which the hypertable will not have."""
    return """
        SELECT format('its partition %s has %s of its own: rows that are written to the hypertable do not meet it',
                      c.oid::regclass, own.what),
               'a chunk has what the hypertable has; it waits with the partition, for the downgrade',
               'Give it to the whole table if it is to hold.'
        FROM pg_partition_tree(target) t JOIN pg_class c ON c.oid = t.relid
        CROSS JOIN LATERAL (
          SELECT format('the trigger %I', tgname) FROM pg_trigger
          WHERE tgrelid = c.oid AND NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'D'
          UNION ALL
          SELECT format('the constraint %I', conname) FROM pg_constraint
          WHERE conrelid = c.oid AND contype IN ('c', 'p', 'u', 'x', 'f') AND conparentid = 0 AND coninhcount = 0
          UNION ALL
          SELECT format('the unique index %s', x.indexrelid::regclass) FROM pg_index x
          WHERE x.indrelid = c.oid AND x.indisunique
            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = x.indexrelid)
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid)
        ) AS own (what)
        WHERE t.level > 0
    """


@asked(Severity.NOTE)
def partitions() -> str:
    """How many partitions there are, and what becomes of them."""
    return """
        SELECT format('it is partitioned by %s into %s tables', pg_get_partkeydef(target),
                      (SELECT count(*) FROM pg_partition_tree(target) WHERE isleaf AND level > 0)),
               'their rows move into chunks, and they wait aside, empty, for the downgrade; with method="attach" or '
               || '"auto" those that hold a range of the partition column become chunks as they are', ''
        WHERE facts.relkind = 'p'
    """
