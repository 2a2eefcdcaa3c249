"""Check constraints, and what was never validated."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.convert.preflight.check import check, refused
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.finding import Finding, Severity


@refused
def no_inherit() -> str:
    """Whether a check constraint is NO INHERIT, and so would not hold in chunks."""
    return """
        SELECT format('its check constraint %I is NO INHERIT, and so would not hold in chunks', conname),
               'TimescaleDB refuses it', format('Make %I an ordinary check constraint.', conname)
        FROM pg_constraint WHERE conrelid = target AND contype = 'c' AND connoinherit
    """


@check
def not_valid(subject: Subject) -> Iterator[Finding]:
    """Whether rows break a NOT VALID constraint, which chunks would check."""
    for name, query in subject.rows_of(_NOT_VALID):
        if not subject.may_scan:
            yield Finding(
                "not valid",
                Severity.WARNING,
                f"its constraint {name} is NOT VALID, and its rows were not looked at",
                why="rows that break it would stop the conversion: chunks check every row that moves in",
                mend=f"ALTER TABLE {subject.name} VALIDATE CONSTRAINT {name}",
            )
        elif broken := subject.scan(query, f"rows that break {name}")[0][0]:
            yield Finding(
                "not valid",
                Severity.BLOCKER,
                f"{broken} rows break its NOT VALID constraint {name}",
                why="chunks check every row that moves in",
                mend=f"Correct those rows and ALTER TABLE {subject.name} VALIDATE CONSTRAINT {name}, or drop it.",
            )


# A row without a value in one of a foreign key's columns has no parent to have (MATCH SIMPLE).
_NOT_VALID = """
SELECT format('%I', k.conname),
       CASE k.contype WHEN 'c' THEN
         format('SELECT count(*) FROM %s%s WHERE NOT (%s)', own_rows, target, pg_get_expr(k.conbin, k.conrelid))
       ELSE
         format('SELECT count(*) FROM %s%s AS child WHERE %s AND NOT EXISTS (SELECT FROM %s AS parent WHERE %s)',
                own_rows, target,
                (SELECT string_agg(format('child.%I IS NOT NULL', a.attname), ' AND ') FROM pg_attribute a
                 WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)), k.confrelid::regclass,
                (SELECT string_agg(format('child.%I = parent.%I', a.attname, b.attname), ' AND ')
                 FROM unnest(k.conkey, k.confkey) AS pair (here, there)
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
                 JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there)) END
FROM pg_constraint k CROSS JOIN (SELECT CASE facts.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END) AS o (own_rows)
WHERE k.conrelid = target AND k.contype IN ('c', 'f') AND NOT k.convalidated AND k.conparentid = 0
ORDER BY 1
"""
