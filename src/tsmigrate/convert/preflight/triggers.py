"""Triggers: what happens to each of them."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked, refused, warned
from tsmigrate.finding import Severity


@refused
def transition_tables() -> str:
    """Whether a row trigger has a transition table."""
    return """
        SELECT format('its row trigger %I has a transition table', tgname), 'TimescaleDB refuses it',
               format('Make %I a statement trigger.', tgname)
        FROM pg_trigger
        WHERE tgrelid = target AND NOT tgisinternal AND tgtype & 1 = 1
          AND (tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL)
    """


@warned
def trigger_table_name() -> str:
    """Whether a row trigger reads the name of its table, which will be a chunk's."""
    return """
        SELECT format('the row trigger %I reads TG_TABLE_NAME or its like, which in a hypertable is the chunk''s',
                      t.tgname),
               format('the function %s would write or look for names such as _hyper_1_2_chunk', p.oid::regprocedure),
               'Hand the table''s name to the trigger as an argument (TG_ARGV).'
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = target AND NOT t.tgisinternal AND t.tgtype & 1 = 1
          AND p.prosrc ~* '\\mtg_(table_name|relname|relid)\\M'
    """


@asked(Severity.NOTE)
def triggers() -> str:
    """Which triggers are taken off for the move and made again."""
    return """
        SELECT format('its %s trigger %I is taken off for the move and made again',
                      CASE WHEN tgtype & 1 = 1 THEN 'row' ELSE 'statement' END, tgname),
               'it would fire for every row that moves, and could change or drop it', ''
        FROM pg_trigger WHERE tgrelid = target AND NOT tgisinternal AND tgenabled = 'O' AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.WARNING)
def sleeping_triggers() -> str:
    """Which triggers are disabled or fire on replicas only, and so stay off the hypertable."""
    return """
        SELECT format('its trigger %I is %s, and stays off the hypertable', tgname,
                      CASE tgenabled WHEN 'D' THEN 'disabled' ELSE 'enabled on replicas only' END),
               'TimescaleDB makes it again on every chunk, enabled; before 2.27 it could not be disabled there at all',
               'Nothing to do: it is kept in tsmigrate.undo and comes back by the downgrade. Drop it if it is unused.'
        FROM pg_trigger
        WHERE tgrelid = target AND NOT tgisinternal AND tgenabled IN ('D', 'R') AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.WARNING)
def always_triggers() -> str:
    """Which triggers fire on replicas too, and will not."""
    return """
        SELECT format('its trigger %I is enabled ALWAYS, and will fire as an ordinary one', tgname),
               'chunks do not get the mode: it does not fire where session_replication_role is replica',
               'Nothing to do unless this table is a replica; the downgrade brings the mode back.'
        FROM pg_trigger WHERE tgrelid = target AND NOT tgisinternal AND tgenabled = 'A' AND facts.relkind IN ('r', 'p')
    """


@asked(Severity.NOTE)
def event_triggers() -> str:
    """Which event triggers fire while the table is converted."""
    return """
        SELECT format('the event trigger %I fires for the statements of the conversion', evtname),
               format('%s runs on %s', evtfoid::regprocedure, evtevent),
               'Make sure that it lets ALTER TABLE and CREATE pass.'
        FROM pg_event_trigger
        WHERE evtenabled <> 'D' AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'table_rewrite')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_event_trigger'::regclass
                            AND objid = pg_event_trigger.oid AND deptype = 'e')
          AND facts.relkind IN ('r', 'p')
    """
