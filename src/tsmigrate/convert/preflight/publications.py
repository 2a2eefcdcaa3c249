"""Logical replication: publications of all three kinds, and by what a row is known."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.convert.preflight.check import asked, check, refused
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.finding import Finding, Severity


@refused
def published_with_all() -> str:
    """Whether a publication is FOR ALL TABLES."""
    return """
        -- Refused by TimescaleDB from 2.28 on; before that, chunks would be published under names no subscriber knows.
        SELECT format('the publication %I is FOR ALL TABLES', pubname),
               'chunks are tables of their own, under names that no subscriber knows',
               'Make it a publication of a list of tables.'
        FROM pg_publication WHERE puballtables AND target IS NOT NULL
    """


@refused
def publication_rights() -> str:
    """Whether the role may take the table out of its publications."""
    return """
        SELECT format('%I may not take it out of the publication %I, which cannot hold a hypertable', current_user,
                      pubname),
               'TimescaleDB refuses a table that is published',
               format('Run it as a member of %I too, or take the table out of the publication first.',
                      pg_get_userbyid(pubowner))
        FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
        WHERE r.prrelid = target AND NOT pg_has_role(p.pubowner, 'USAGE')
    """


@asked(Severity.WARNING)
def published() -> str:
    """Which publications will no longer hold the table."""
    return """
        SELECT format('it is taken out of the publication %I', pubname),
               'a publication cannot hold a hypertable: subscribers get no more rows of it until the downgrade',
               'Give the subscribers another way to its rows before you convert it.'
        FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE r.prrelid = target
    """


@check
def published_with_schema(subject: Subject) -> Iterator[Finding]:
    """Whether a publication holds the table's schema (from PostgreSQL 15 on)."""
    if subject.server.postgres.major < 15:
        return
    for publication, schema in subject.rows_of(_OF_SCHEMA):
        yield Finding(
            "published with schema",
            Severity.WARNING,
            f"the publication {publication} holds its schema {schema}",
            why="the rows will be in chunks, which are in another schema: subscribers get none of them, and no error",
            mend="Give the subscribers another way to its rows, or make it a publication of a list of tables.",
        )


_OF_SCHEMA = """
SELECT format('%I', p.pubname), format('%I', n.nspname)
FROM pg_publication p JOIN pg_publication_namespace s ON s.pnpubid = p.oid JOIN pg_class c ON c.relnamespace = s.pnnspid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = target AND facts.relkind IN ('r', 'p')
ORDER BY 1
"""


@asked(Severity.WARNING)
def replica_identity() -> str:
    """Whether rows are known to subscribers by a key that will be widened."""
    return """
        SELECT format('its replica identity is the index %s, which does not hold %I', indexrelid::regclass,
                      time_column),
               'the key has to be widened, and then subscribers know rows by both columns',
               'Widen the subscribers'' key as well, or ALTER TABLE … REPLICA IDENTITY FULL for the while.'
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.oid = target AND facts.attnum IS NOT NULL
          AND NOT facts.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
          AND CASE c.relreplident WHEN 'i' THEN i.indisreplident
                   WHEN 'd' THEN i.indisprimary AND EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = target) END
    """
