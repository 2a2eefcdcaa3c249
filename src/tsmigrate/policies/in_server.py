"""Procedures for a scheduler inside the server: they do there what `runner` does from outside.

They are installed where somebody asks for it, in a schema of their own, so that migrations come and go without them. A
statement cannot end itself in time: a second procedure looks from beside for what is at it for longer than its timeout.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from tsmigrate.plpgsql import assemble, do_block
from tsmigrate.policies import runs
from tsmigrate.policies.refresh import refresh_by_policy
from tsmigrate.policies.retention import drop
from tsmigrate.policies.runner import Outcome
from tsmigrate.policies.state import DUE, IN_ORDER, RUNS_KEPT, Kind
from tsmigrate.sql import dollar_quoted, literal
from tsmigrate.undo import own_schema

SCHEMA = "tsmigrate_cron"
RUN_DUE = f"CALL {SCHEMA}.run_due()"
END_OVERDUE = f"CALL {SCHEMA}.end_overdue()"

APPLICATION_NAME = "tsmigrate policies"
"""Of the sessions that `end_overdue` may cancel."""

_DUE = ("due.relation", "due.kind")


def install() -> str:
    """A statement. Done again, it brings the procedures up to date."""
    return do_block(
        """
        BEGIN
          PERFORM pg_advisory_xact_lock(hashtextextended('{{name}}', 0));
          {{schema}}
          {{run_due}}
          {{end_overdue}}
        END;
        """,
        name=SCHEMA,
        schema=own_schema(SCHEMA, "What a scheduler of the server calls; tsmigrate policies unschedule takes it away"),
        run_due=_procedure("run_due", _run_due()),
        end_overdue=_procedure("end_overdue", _END_OVERDUE, "SET search_path = pg_catalog, pg_temp"),
    )


REMOVE = (
    f"DROP PROCEDURE IF EXISTS {SCHEMA}.run_due(), {SCHEMA}.end_overdue()",
    f"DROP SCHEMA IF EXISTS {SCHEMA}",
)


def is_up_to_date(connection: Connection) -> bool:
    """Whether the procedures are what `install` would make of them. Without them, nothing is out of date."""
    query = text("SELECT prosrc FROM pg_proc WHERE pronamespace = to_regnamespace(:schema) AND proname = 'run_due'")
    found: str | None = connection.execute(query, {"schema": SCHEMA}).scalar()
    return found is None or found.split() == _run_due().split()


def _procedure(name: str, body: str, option: str = "") -> str:
    """Dropped first: where somebody else's was there it would stay his."""
    return assemble(
        """
        DROP PROCEDURE IF EXISTS {{name}}();
        CREATE PROCEDURE {{name}}() LANGUAGE plpgsql {{option}} AS {{body}};
        """,
        name=f"{SCHEMA}.{name}",
        option=option,
        body=dollar_quoted(f"\n{body}\n"),
    )


def _run_due() -> str:
    """Each policy that is due, once: a transaction for each, or for each part of a big one.

    What commits as it goes cannot have its search_path as an option; the body begins with it.

    It gives way to other runners, and goes on with the next policy after a failure. Where somebody cancels it, it ends:
    what it was at is due as before.
    """
    return assemble(
        _RUN_DUE,
        application=literal(APPLICATION_NAME),
        is_due=DUE,
        in_order=IN_ORDER,
        lock=runs.lock_key("due.relation::oid", "due.kind"),
        lock_timeout=literal(runs.LOCK_TIMEOUT),
        look=runs.look(*_DUE),
        is_refresh=literal(Kind.REFRESH),
        refresh=refresh_by_policy("due.relation"),
        drop=drop("due.relation"),
        done=literal(Outcome.DONE),
        failed=literal(Outcome.FAILED),
        timed_out=literal(Outcome.TIMED_OUT),
        note_done=runs.note_done(*_DUE, "begun") + ";",
        note_failure=runs.note_failure(*_DUE, "begun", "message") + ";",
        remember=runs.remember(*_DUE, "begun", "outcome", "told", "message") + ";",
        forget_old=runs.forget_old(*_DUE, str(RUNS_KEPT)) + ";",
    )


_RUN_DUE = """\
DECLARE
  due record;
  begun timestamptz;
  is_more boolean;
  told jsonb;
  part jsonb;
  outcome text;
  message text;
BEGIN
  SET search_path = pg_catalog, pg_temp;
  PERFORM set_config('application_name', {{application}}, false);
  IF to_regclass('tsmigrate.policy') IS NULL THEN
    RETURN;
  END IF;
  FOR due IN
    SELECT p.relation, p.kind, p.timeout FROM tsmigrate.policy p JOIN pg_class c ON c.oid = p.relation
     WHERE {{is_due}}
     ORDER BY {{in_order}}
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_lock({{lock}});
    begun := clock_timestamp();
    told := '{}';
    LOOP
      outcome := NULL;
      message := NULL;
      is_more := false;
      BEGIN
        PERFORM set_config('lock_timeout', {{lock_timeout}}, true);
        PERFORM {{look}};
        IF FOUND THEN
          IF due.kind = {{is_refresh}} THEN
            {{refresh}}
          ELSE
            {{drop}}
          END IF;
          part := current_setting('tsmigrate.done');
          is_more := coalesce((part ->> 'is_more')::boolean, false);
          -- Numbers of several transactions are added up.
          SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(value) = 'number'
                                            THEN to_jsonb(value::bigint + coalesce((told ->> key)::bigint, 0))
                                            ELSE value END)
            INTO told FROM jsonb_each(part - 'is_more');
          IF NOT is_more THEN
            outcome := {{done}};
            {{note_done}}
          END IF;
        END IF;
      EXCEPTION WHEN query_canceled OR OTHERS THEN
        is_more := false;
        message := SQLERRM;
        outcome := CASE WHEN SQLSTATE <> '57014' THEN {{failed}}
                        WHEN message ~ 'statement timeout' OR clock_timestamp() > now() + due.timeout
                        THEN {{timed_out}} END;
        IF outcome IS NULL THEN
          RAISE;
        END IF;
        {{note_failure}}
      END;
      IF outcome IS NOT NULL THEN
        {{remember}}
        {{forget_old}}
      END IF;
      COMMIT;
      EXIT WHEN NOT is_more;
    END LOOP;
    PERFORM pg_advisory_unlock({{lock}});
  END LOOP;
END;"""


_END_OVERDUE = assemble(
    """
    BEGIN
      IF to_regclass('tsmigrate.policy') IS NULL THEN
        RETURN;
      END IF;
      PERFORM pg_cancel_backend(a.pid)
         FROM tsmigrate.policy p
         CROSS JOIN LATERAL (SELECT {{lock}} AS key) AS k
         JOIN pg_locks l ON l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                        AND (l.classid::bigint << 32 | l.objid::bigint) = k.key
         JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
         JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name = {{application}}
        WHERE a.xact_start < clock_timestamp() - p.timeout;
    END;
    """,
    application=literal(APPLICATION_NAME),
    lock=runs.lock_key("p.relation::oid", "p.kind"),
)
"""Cancel what `run_due` has been at for longer than its policy's timeout."""
