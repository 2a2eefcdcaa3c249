"""Who converts the table, and who owns it."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked, refused
from tsmigrate.finding import Severity


@refused
def ownership() -> str:
    """Whether the role may change the table."""
    return """
        SELECT format('%I may not change it', current_user), 'only its owner may make it a hypertable',
               format('Run it as its owner, %I, or a member of that role.', facts.owner)
        WHERE facts.relkind IN ('r', 'p') AND NOT facts.owned
    """


@refused
def rights() -> str:
    """Whether the owner has kept the rights that moving rows needs."""
    return """
        -- An owner can have revoked its own rights.
        SELECT format('%I has no right to %s on it', current_user, needed), 'its rows are moved by its owner',
               format('GRANT %s ON %s TO %I', needed, target, current_user)
        FROM unnest(ARRAY['INSERT', 'TRUNCATE', 'TRIGGER']) AS needed
        WHERE facts.relkind IN ('r', 'p') AND facts.owned AND NOT has_table_privilege(target, needed)
    """


@asked(Severity.WARNING)
def owner_login() -> str:
    """Whether the owner may log in, as policies need."""
    return """
        SELECT format('its owner %I may not log in', facts.owner),
               'TimescaleDB runs policies (columnstore, retention) as the owner, who needs LOGIN for it',
               format('ALTER ROLE %I LOGIN, or give the table to a role that may log in, if you plan policies.',
                      facts.owner)
        FROM pg_roles WHERE rolname = facts.owner AND NOT rolcanlogin AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.WARNING)
def may_create() -> str:
    """Whether schemas can be created: for what must be remembered, and for the way back."""
    return """
        SELECT format('%I may not create schemas in this database', current_user),
               'what only the plain table has is remembered in a schema of its own, and the way back needs one too',
               format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
        WHERE facts.relkind IN ('r', 'p') AND NOT has_database_privilege(current_database(), 'CREATE')
        UNION ALL
        SELECT format('its owner %I may not create tables in the schema %I', facts.owner, n.nspname),
               'the way back creates the plain table there',
               format('GRANT CREATE ON SCHEMA %I TO %I', n.nspname, facts.owner)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = target AND facts.relkind IN ('r', 'p') AND NOT has_schema_privilege(facts.owner, n.oid, 'CREATE')
    """
