"""The kind of relation."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked, refused
from tsmigrate.finding import Severity


@refused
def missing_table() -> str:
    """Whether there is such a table."""
    return """
        SELECT 'there is no such table', '', 'Check the name and its schema; names are case-sensitive.'
        WHERE target IS NULL
    """


@refused
def kind() -> str:
    """Whether it is an ordinary or a partitioned table: no view or foreign table."""
    return """
        SELECT format('it is %s', CASE facts.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
                                       WHEN 'f' THEN 'a foreign table' ELSE 'no table' END),
               'only an ordinary or a partitioned table can become a hypertable', 'Name a plain table.'
        WHERE facts.relkind NOT IN ('r', 'p')
    """


@refused
def hypertable() -> str:
    """Whether it is a hypertable already."""
    return """
        SELECT format('it is a hypertable already, on %I', already_on), '',
               'There is nothing to do; to change its interval use the operation set_chunk_interval.'
        WHERE already_on IS NOT NULL
    """


@refused
def persistence() -> str:
    """Whether it is temporary, or unlogged before TimescaleDB 2.23."""
    return """
        SELECT 'it is temporary', 'TimescaleDB refuses it', 'Name a permanent table.' WHERE facts.relpersistence = 't'
        UNION ALL
        SELECT 'it is unlogged, which TimescaleDB takes from 2.23 on', '', format('ALTER TABLE %s SET LOGGED', target)
        WHERE facts.relpersistence = 'u' AND facts.extension_version < ARRAY[2, 23]
    """


@refused
def typed_table() -> str:
    """Whether it is a typed table (OF)."""
    return """
        SELECT format('it is a typed table (OF %s)', facts.reloftype::regtype), 'its chunks could not follow the type',
               format('ALTER TABLE %s NOT OF', target)
        WHERE facts.reloftype <> 0
    """


@refused
def inheritance() -> str:
    """Whether it inherits, or is inherited from."""
    return """
        SELECT format('%s inherits from it', inhrelid::regclass), 'a hypertable''s only children are its chunks',
               'End the inheritance: ALTER TABLE … NO INHERIT.'
        FROM pg_inherits WHERE inhparent = target AND already_on IS NULL AND facts.relkind = 'r'
        UNION ALL
        SELECT format('it inherits from %s', i.inhparent::regclass), 'TimescaleDB refuses it',
               'End the inheritance: ALTER TABLE … NO INHERIT.'
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'r' WHERE i.inhrelid = target
    """


@refused
def rules() -> str:
    """Whether it has rules."""
    return """
        SELECT format('it has the rule %I', rulename), 'TimescaleDB refuses rules',
               'Drop the rule; a trigger can do its work.'
        FROM pg_rewrite WHERE ev_class = target AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.NOTE)
def row_security() -> str:
    """Whether row security is on, or even forced on the owner."""
    return """
        SELECT 'its row security is forced on its owner',
               'an owner under FORCE sees, and would move, only the rows that policies show',
               'Nothing to do: op.create_hypertable lifts FORCE for the move and sets it again.'
        WHERE facts.relforcerowsecurity
        UNION ALL
        SELECT 'its row security is enabled', 'policies stay, but the columnstore cannot be enabled beside them',
               'Leave the columnstore out, or let views do what the policies do.'
        FROM pg_class WHERE oid = target AND relrowsecurity AND facts.relkind IN ('r', 'p')
    """
