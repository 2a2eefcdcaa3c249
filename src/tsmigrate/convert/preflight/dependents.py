"""What reads the table, or takes its row type."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked
from tsmigrate.finding import Severity


@asked(Severity.BLOCKER)
def views_by_narrow_key() -> str:
    """Whether a view groups by a primary key that has to be widened."""
    return """
        SELECT format('%s groups by the primary key %I', v.oid::regclass, k.conname),
               format('it depends on the key as it is, which therefore cannot be widened by %I (2BP01)', time_column),
               'Write every column that it shows into its GROUP BY.'
        FROM pg_constraint k
        JOIN pg_depend d ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid
        JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        JOIN pg_class v ON v.oid = w.ev_class
        WHERE k.conrelid = target AND k.contype = 'p' AND NOT facts.attnum = ANY (k.conkey)
        GROUP BY v.oid, k.conname
    """


@asked(Severity.NOTE)
def views_by_key() -> str:
    """Whether a view groups by the primary key as it will be."""
    return """
        SELECT format('%s groups by the primary key %I', v.oid::regclass, k.conname),
               'the key cannot be dropped while the rows move, which takes longer with it', ''
        FROM pg_constraint k
        JOIN pg_depend d ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid
        JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        JOIN pg_class v ON v.oid = w.ev_class
        WHERE k.conrelid = target AND k.contype = 'p' AND facts.attnum = ANY (k.conkey)
        GROUP BY v.oid, k.conname
    """


@asked(Severity.NOTE)
def views() -> str:
    """Which views, and other tables' policies, read the table."""
    return """
        SELECT CASE p.classid WHEN 'pg_policy'::regclass THEN pg_describe_object(p.classid, p.objid, 0) || ' reads it'
                    ELSE format('%s reads it', v.oid::regclass) END,
               CASE v.relkind WHEN 'm' THEN 'it is refilled by the way back'
                    ELSE 'it stays as it is, both ways' END, ''
        FROM pg_depend p LEFT JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid
        LEFT JOIN pg_class v ON v.oid = w.ev_class
        LEFT JOIN pg_policy o ON p.classid = 'pg_policy'::regclass AND o.oid = p.objid
        WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = target AND facts.relkind IN ('r', 'p')
          AND (v.relkind IN ('v', 'm') OR o.polrelid <> target)
        GROUP BY p.classid, p.objid, v.oid, v.relkind
    """


@asked(Severity.NOTE)
def row_type_functions() -> str:
    """Which functions take or return its row type."""
    return """
        SELECT format('the function %s takes or returns its row type', f.oid::regprocedure),
               'the way back drops it and makes it again', ''
        FROM pg_proc f
        WHERE facts.relkind IN ('r', 'p') AND EXISTS (
          SELECT FROM pg_depend d JOIN pg_type t ON t.typrelid = target
          WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_type'::regclass
            AND d.refobjid IN (t.oid, t.typarray))
    """


@asked(Severity.WARNING)
def row_type_columns() -> str:
    """Which columns of other tables are of its row type."""
    return """
        SELECT format('the column %I of %s is of its row type', a.attname, c.oid::regclass),
               'it would stop the way back, which drops the hypertable and its type',
               'Make it a type of its own (CREATE TYPE), or jsonb, if you want to be able to go back.'
        FROM pg_type t JOIN pg_attribute a ON a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'c')
        WHERE t.typrelid = target AND facts.relkind IN ('r', 'p')
    """
