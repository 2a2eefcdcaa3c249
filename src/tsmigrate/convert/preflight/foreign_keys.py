"""Foreign keys: into the table, out of it, within it; and what becomes of each."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked, refused
from tsmigrate.finding import Severity


@refused
def foreign_keys_within() -> str:
    """Whether the table refers to itself."""
    return """
        SELECT format('its foreign key %I points at itself', conname),
               'a hypertable cannot refer to a hypertable, itself included',
               format('Drop it first with the operation drop_foreign_key_to on %s.', target)
        FROM pg_constraint WHERE contype = 'f' AND conrelid = target AND confrelid = target AND counted > 0
    """


@refused
def foreign_keys_in() -> str:
    """Whether foreign keys of other tables point at it that cannot be made again after the move."""
    return """
        -- TRUNCATE, by which the rows leave the root, is refused while they are there (0A000). Before 2.21.1 a foreign
        -- key to a hypertable refuses good rows from the sixth on.
        SELECT format('the foreign key %I of %s points at it%s', k.conname, k.conrelid::regclass,
                      CASE WHEN facts.extension_version < ARRAY[2, 21, 1] THEN
                             ', and TimescaleDB before 2.21.1 would refuse good rows'
                           WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN
                             format(', and %I may not change that table', current_user)
                           WHEN is_hypertables THEN ', which as a hypertable cannot point at another'
                           ELSE ', and the triggers behind it are not all enabled' END),
               'it has to be dropped while the rows move, and could not be made again',
               format('Drop it first with the operation drop_foreign_key_to on %s.', target)
        FROM (SELECT *, coalesce(conrelid = ANY (hypertables), false) AS is_hypertables,
                     EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = f.oid AND t.tgenabled <> 'O') AS sleeps
              FROM pg_constraint f
              WHERE contype = 'f' AND confrelid = target AND conrelid <> target AND conparentid = 0) AS k
        JOIN pg_class c ON c.oid = k.conrelid
        WHERE counted > 0
          AND (facts.extension_version < ARRAY[2, 21, 1] OR NOT pg_has_role(c.relowner, 'USAGE')
               OR is_hypertables OR sleeps)
    """


@refused
def foreign_keys_to_hypertables() -> str:
    """Whether it refers to a hypertable."""
    return """
        SELECT format('its foreign key %I points at %s, which is a hypertable', k.conname, k.confrelid::regclass),
               'a hypertable cannot refer to another one',
               format('Drop it first: ALTER TABLE %s DROP CONSTRAINT %I', target, k.conname)
        FROM pg_constraint k
        WHERE k.contype = 'f' AND k.conrelid = target AND k.confrelid <> target AND k.conparentid = 0
          AND k.confrelid = ANY (hypertables)
    """


@asked(Severity.NOTE)
def foreign_keys_out() -> str:
    """Which foreign keys of its own stay, and what they cost later."""
    return """
        SELECT format('its foreign key %I to %s stays', conname, confrelid::regclass),
               format('every chunk gets a copy of it; dropping old chunks locks %s exclusively for a moment',
                      confrelid::regclass), ''
        FROM pg_constraint
        WHERE contype = 'f' AND conrelid = target AND confrelid <> target AND conparentid = 0
          AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.WARNING)
def sleeping_foreign_keys() -> str:
    """Whether the triggers behind a foreign key are disabled."""
    return """
        SELECT format('the triggers behind the foreign key %I of %s are not all enabled', k.conname,
                      k.conrelid::regclass),
               'it is not kept today; the hypertable''s would be, and the way back is refused while they are disabled',
               format('ALTER TABLE %s ENABLE TRIGGER ALL, on both of its tables', k.conrelid::regclass)
        FROM pg_constraint k
        WHERE k.contype = 'f' AND k.conparentid = 0 AND target IN (k.conrelid, k.confrelid)
          AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
    """


@asked(Severity.WARNING)
def foreign_key_fate() -> str:
    """What to do with each foreign key into the table: keep, widen or drop it."""
    return """
        SELECT format(CASE WHEN holds_time THEN 'the foreign key %1$I of %2$s can be kept: it holds %3$I'
                           ELSE 'the foreign key %1$I of %2$s has to be widened by %3$I, or dropped' END,
                      conname, child, time_column),
               CASE WHEN holds_time THEN '' ELSE 'the key that it refers to will hold the time as well; ' END
               || 'retention can drop no chunk of a table that a foreign key points into, not even an unused one; the '
               || 'columnstore needs timescaledb.compress_truncate_behaviour = truncate_disabled beside it'
               || CASE WHEN is_late THEN '' ELSE '; TimescaleDB before 2.21.1 would refuse good rows' END,
               format('Drop it: op.drop_foreign_key_to(%s%s).', parent_name, in_schema)
               || CASE WHEN NOT is_late THEN ''
                    WHEN holds_time THEN ' Keep it: nothing to do, op.create_hypertable makes it again.'
                    ELSE format(' Widen it: drop it, and after the conversion op.widen_foreign_key(%s, %s, column=%s, '
                                || 'parent=%s, parent_column=%s, references={%s}%s%s)', child_name, to_json(conname),
                                to_json(format('%s_%s', parent, time_column)), parent_name, to_json(time_column::text),
                                pairs, of_schema, of_parent_schema) END
        FROM (
          SELECT k.conname, k.conrelid::regclass AS child, facts.attnum = ANY (k.confkey) AS holds_time,
                 facts.extension_version >= ARRAY[2, 21, 1] AS is_late,
                 p.relname AS parent, to_json(p.relname) AS parent_name, to_json(c.relname) AS child_name,
                 CASE WHEN NOT pg_table_is_visible(p.oid) THEN
                   format(', schema=%s', to_json(pn.nspname)) END AS in_schema,
                 CASE WHEN NOT pg_table_is_visible(p.oid) THEN
                   format(', parent_schema=%s', to_json(pn.nspname)) END AS of_parent_schema,
                 CASE WHEN NOT pg_table_is_visible(c.oid) THEN
                   format(', schema=%s', to_json(cn.nspname)) END AS of_schema,
                 (SELECT string_agg(format('%s: %s', to_json(a.attname), to_json(b.attname)), ', ' ORDER BY a.attnum)
                  FROM unnest(k.conkey, k.confkey) AS pair (here, there)
                  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
                  JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there) AS pairs
          FROM pg_constraint k
          JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
          JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
          WHERE k.contype = 'f' AND k.confrelid = target AND k.conrelid <> target AND k.conparentid = 0
        ) AS inbound
        WHERE facts.attnum IS NOT NULL AND facts.relkind IN ('r', 'p')
    """
