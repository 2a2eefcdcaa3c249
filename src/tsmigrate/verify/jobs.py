"""No job of TimescaleDB's runs during the test: a retention policy would drop rows between two looks at them.

A sandbox has no background workers. On another server nobody but a superuser may stop them, and CREATE EXTENSION
starts them again. But a job's owner may put its next start off for ever, and a job begun in the same transaction as
its delay never runs. So each transaction of env.py's delays the jobs that it adds before it commits. What the schema
says of the jobs stays as it is: their next start is no part of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor

from tsmigrate import connect
from tsmigrate.catalog import extension
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

# Without the preload the view would end the connection. Jobs below 1000 are the extension's own and touch no table of
# the user's. One that this role may not alter runs, and the report says that it did.
HOLD = """
DO $hold$
DECLARE
  job record;
  schema name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                  WHERE e.extname = 'timescaledb');
BEGIN
  IF schema IS NULL OR NOT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.license') THEN
    RETURN;
  END IF;
  FOR job IN SELECT job_id FROM timescaledb_information.jobs
             WHERE job_id >= 1000 AND next_start IS DISTINCT FROM 'infinity' LOOP
    BEGIN
      EXECUTE format('SELECT %I.alter_job(%s, next_start => ''infinity'')', schema, job.job_id);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
END $hold$
"""

# Without background workers nothing runs, held back or not.
_NOT_HELD = r"""
SELECT format('%s (%s)', job_id, regexp_replace(j.application_name, ' \[\d+\]$', ''))
FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s USING (job_id)
WHERE job_id >= 1000 AND current_setting('timescaledb.max_background_workers', true) <> '0'
  AND (j.scheduled AND j.next_start IS DISTINCT FROM 'infinity' OR s.last_run_started_at > '-infinity')
ORDER BY job_id
"""


def hold(cursor: DBAPICursor) -> None:
    """The jobs that the cursor's transaction sees never start by themselves from now on."""
    cursor.execute(HOLD)


def hold_of(engines: Engine | type[Engine]) -> None:
    """At every commit of this engine, or of every SQLAlchemy engine, and after what the server commits by itself."""
    event.listen(engines, "commit", _hold)
    event.listen(engines, "after_cursor_execute", _hold_where_committed)


def not_held(database: DatabaseUrl) -> list[str]:
    """Those of today's jobs that have run, or will."""
    with connect.connection(database) as connection:
        return list(connection.execute(raw(_NOT_HELD)).scalars()) if extension.is_created(connection) else []


def _hold_where_committed(connection: Connection, *_: Any) -> None:
    if getattr(connection.connection.dbapi_connection, "autocommit", False):
        _hold(connection)


def _hold(connection: Connection) -> None:
    cursor = connection.connection.cursor()
    try:
        hold(cursor)
    except connection.dialect.loaded_dbapi.Error:
        pass  # the transaction had failed before: it commits nothing
    finally:
        cursor.close()
