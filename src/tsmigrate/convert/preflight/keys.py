"""Keys and indexes: what is unique must hold the partition column."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.convert.preflight.check import asked, check, refused
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.finding import Finding, Severity


@refused
def key_columns() -> str:
    """Whether every unique and exclusion index holds the partition column among its key columns."""
    return """
        -- Uniqueness is kept within a chunk only: INCLUDE columns do not count, and TimescaleDB accepts them silently.
        SELECT format('the %s %I does not hold %I among its key columns',
                      CASE co.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint'
                           WHEN 'x' THEN 'exclusion constraint' ELSE 'unique index' END, ci.relname, a.attname),
               'chunks are not compared with each other: the same key could be in two of them',
               CASE co.contype WHEN 'p' THEN format('Use the operation widen_primary_key on %s.', target)
                    WHEN 'x' THEN format('Drop the exclusion constraint %I, or add %I WITH = to it.', ci.relname,
                                         a.attname)
                    ELSE format('Use the operation widen_unique_constraint for %I.', ci.relname) END
        FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid
        LEFT JOIN pg_constraint co
          ON co.conindid = i.indexrelid AND co.conrelid = target AND co.contype IN ('p', 'u', 'x')
        JOIN pg_attribute a ON a.attrelid = target AND a.attnum IN (facts.attnum, facts.hash_attnum)
        WHERE i.indrelid = target AND (i.indisunique OR i.indisexclusion)
          AND NOT a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    """


@refused
def exclusion_operators() -> str:
    """Whether exclusion constraints compare the partition column by =."""
    return """
        -- Two rows may exclude each other from different chunks, which are not compared.
        SELECT format('the exclusion constraint %I compares %I with %s', co.conname, a.attname, o.oprname),
               'rows in different chunks are not compared with each other',
               format('Drop the exclusion constraint %I, or compare %I with =.', co.conname, a.attname)
        FROM pg_constraint co
        CROSS JOIN LATERAL unnest(co.conkey, co.conexclop) AS k (attnum, operator)
        JOIN pg_operator o ON o.oid = k.operator AND o.oprname <> '='
        JOIN pg_attribute a ON a.attrelid = target AND a.attnum = k.attnum
        WHERE co.conrelid = target AND co.contype = 'x' AND a.attnum IN (facts.attnum, facts.hash_attnum)
    """


@asked(Severity.NOTE)
def exclusion_constraints() -> str:
    """Which exclusion constraints stay, and keep the columnstore away."""
    return """
        SELECT format('its exclusion constraint %I stays', conname), 'the columnstore cannot be enabled beside it',
               'Leave the columnstore out, or drop the constraint before you enable it.'
        FROM pg_constraint WHERE conrelid = target AND contype = 'x' AND facts.relkind IN ('r', 'p')
    """


@refused
def invalid_keys() -> str:
    """Whether a unique index is INVALID, and so may not be unique."""
    return """
        SELECT format('its unique index %s is INVALID', indexrelid::regclass),
               'its rows may not be unique, and a chunk''s copy of it is built from them',
               format('DROP INDEX CONCURRENTLY %s, and create it again if it is wanted (first delete or correct its '
                      || 'duplicates).', indexrelid::regclass)
        FROM pg_index WHERE indrelid = target AND indisunique AND NOT indisvalid
    """


@asked(Severity.WARNING)
def invalid_indexes() -> str:
    """Whether another index is INVALID: it costs writes, and stands in the way back."""
    return """
        SELECT format('its index %s is INVALID', indexrelid::regclass),
               'it is of no use, costs every write, and the way back is refused while it is there',
               format('REINDEX INDEX CONCURRENTLY %s, or drop it; on a hypertable CONCURRENTLY is refused.',
                      indexrelid::regclass)
        FROM pg_index WHERE indrelid = target AND NOT indisunique AND NOT indisvalid AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.WARNING)
def lost_uniqueness() -> str:
    """Which keys without the partition column the application may rely on to be unique."""
    return """
        SELECT format('%s (%s) will be unique together with %I only', ci.relname,
                      (SELECT string_agg(quote_ident(k.attname), ', ' ORDER BY k.attnum) FROM pg_attribute k
                       WHERE k.attrelid = ci.oid AND k.attnum <= i.indnkeyatts), time_column),
               'two rows with the same key and another time can be written, even with an identity or a sequence',
               'Let one writer or a sequence give the values, or keep them in a plain table with the narrow key.'
        FROM pg_index i JOIN pg_class ci ON ci.oid = i.indexrelid
        WHERE i.indrelid = target AND i.indisunique AND facts.attnum IS NOT NULL
          AND NOT facts.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    """


@check
def duplicates(subject: Subject) -> Iterator[Finding]:
    """How many keys of an INVALID unique index are not unique."""
    if not subject.may_scan:
        return
    for index, columns, condition, nulls_equal in subject.rows_of(_UNPROVEN):
        distinct = "" if nulls_equal else " AND " + " AND ".join(f"({column}) IS NOT NULL" for column in columns)
        query = f"""
            SELECT count(*), coalesce(sum(n), 0)
            FROM (SELECT count(*) AS n FROM {subject.rows_from} WHERE {condition or "true"}{distinct}
                  GROUP BY {", ".join(columns)} HAVING count(*) > 1) AS twins
        """
        counted, rows = subject.scan(query, f"duplicates of {index}")[0]
        if counted:
            yield Finding(
                "duplicates",
                Severity.BLOCKER,
                f"{rows} rows share {counted} keys of the unique index {index}",
                why=f"it is INVALID: it was never unique over ({', '.join(columns)})",
                mend=f"Delete or correct them, then REINDEX INDEX CONCURRENTLY {index}; or drop it.",
            )


_UNPROVEN = """
SELECT i.indexrelid::regclass::text,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k),
       pg_get_expr(i.indpred, i.indrelid), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
FROM pg_index i WHERE i.indrelid = target AND i.indisunique AND NOT i.indisvalid
"""
