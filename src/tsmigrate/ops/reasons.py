"""All reasons against an operation at once, and the facts that the reasons about policies and aggregates rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsmigrate.plpgsql import REFUSED, assemble, refuse, require_table
from tsmigrate.sql import literal


@dataclass(frozen=True)
class Reason:
    """Why an operation is not begun."""

    when: str  # an SQL condition
    told: str  # an SQL expression, usually format(…)
    mend: str  # plain text


def refuse_for(what: str, reasons: Sequence[Reason]) -> str:
    """End the block with all of the reasons that hold. `what` is plain text."""
    rows = [
        f"SELECT {place}, {reason.told}, {literal(reason.mend)} WHERE {reason.when}"
        for place, reason in enumerate(reasons)
    ]
    return refuse_all(f"{what} is refused", "\nUNION ALL\n".join(rows))


def refuse_all(what: str, query: str) -> str:
    """End the block with every row of `query` (place, reason, mend), if it has any. `what` is plain text."""
    return assemble(
        """
        DECLARE
          against record;
        BEGIN
          SELECT string_agg(E'\\n- ' || reason, '' ORDER BY place, reason) AS reasons,
                 string_agg(DISTINCT mend, E'\\n') AS mends
            INTO against
            FROM (
              {{query}}
            ) AS found (place, reason, mend);
          IF against.reasons IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = {{refused}}, MESSAGE = {{what}} || against.reasons, HINT = against.mends;
          END IF;
        END;
        """,
        query=query,
        refused=literal(REFUSED),
        what=literal(f"{what}:"),
    )


FACTS = "facts record;"
"""The declaration that `find_facts` needs."""


def find_facts(subject: str, *, only_aggregates: bool = False) -> str:
    """Read what the object is into the record `facts`; refuse what is no hypertable and no continuous aggregate.

    An aggregate's rows are in a hypertable of its own, its holder; a hypertable is its own holder.
    """
    wanted = "a continuous aggregate" if only_aggregates else "a hypertable or a continuous aggregate"
    return assemble(
        """
        {{require_table}}
        SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relowner::regrole AS owner,
               (SELECT rolcanlogin FROM pg_roles WHERE oid = c.relowner) AS may_log_in,
               a.view_name IS NOT NULL AS is_aggregate, a.view_definition AS definition,
               a.hypertable_schema AS source_schema, a.hypertable_name AS source_name,
               d.hypertable_schema AS holder_schema, d.hypertable_name AS holder_name,
               d.column_name::text AS time_column, d.column_type::text AS time_type,
               d.time_interval IS NULL AS by_number, d.integer_now_func,
               CASE WHEN d.time_interval IS NULL THEN d.column_type::text ELSE 'interval' END AS span_type
          INTO facts
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN timescaledb_information.continuous_aggregates a ON (view_schema, view_name) = (n.nspname, c.relname)
          JOIN timescaledb_information.dimensions d
            ON d.dimension_number = 1
           AND d.hypertable_schema = coalesce(a.materialization_hypertable_schema, n.nspname)
           AND d.hypertable_name = coalesce(a.materialization_hypertable_name, c.relname)
         WHERE c.oid = {{subject}}::regclass;
        IF facts IS NOT DISTINCT FROM NULL OR {{unfit}} THEN
          {{not_it}}
        END IF;
        """,
        require_table=require_table(subject),
        subject=literal(subject),
        unfit="NOT facts.is_aggregate" if only_aggregates else "facts.oid IS NULL",
        not_it=refuse(literal(f"{subject} is not {wanted}"), "correct the name in the revision"),
    )


def size(span: str) -> str:
    """`span`, an expression of type text, as a number: seconds, or what the partition column counts.

    Not for a literal, which the planner would try as both.
    """
    return f"CASE WHEN facts.by_number THEN ({span})::numeric ELSE extract(epoch FROM ({span})::interval) END"


def require_span(name: str, variable: str) -> str:
    """Refuse a text variable that cannot be a distance on the partition column. NULL passes."""
    return assemble(
        """
        BEGIN
          IF NOT facts.by_number AND {{variable}} ~ '^[0-9]+$' THEN
            RAISE invalid_datetime_format;
          END IF;
          PERFORM {{size}};
        EXCEPTION WHEN invalid_datetime_format OR invalid_text_representation OR datetime_field_overflow
                    OR interval_field_overflow THEN
          {{unfit}}
        END;
        """,
        variable=variable,
        size=size(variable),
        unfit=refuse(
            f"format('{name} is %L, which is no %s, as the partition column %I of %s needs', {variable}, "
            "CASE WHEN facts.by_number THEN 'whole number' ELSE 'interval' END, facts.time_column, "
            "facts.oid::regclass)",
            "give an interval such as '3 months', or a whole number where the partition column is one",
        ),
    )


JOBS_OF_HOLDER = """\
timescaledb_information.jobs j
 WHERE (j.hypertable_schema, j.hypertable_name) IN
       ((facts.holder_schema, facts.holder_name), (facts.schema, facts.name))"""
"""The jobs on it. Up to 2.2x the view names the hypertable behind an aggregate, later the aggregate."""

OWNER_CANNOT_LOG_IN = """\
SELECT 3, format('its owner %s may not log in, and its jobs run as the owner', facts.owner),
       format('ALTER ROLE %s LOGIN', facts.owner)
 WHERE NOT facts.may_log_in"""
