"""What TimescaleDB adds to a schema and pg_dump does not show, as text that two databases can be compared by.

Without ids, dates and chunks: those are another time's, or data. Each object is a line at the margin, in
alphabetical order, its facts indented below.
"""

from __future__ import annotations

from collections import defaultdict
from textwrap import indent

from sqlalchemy import Connection, text

from tsmigrate.catalog import extension
from tsmigrate.catalog.ids import Ids
from tsmigrate.catalog.session import fixed_settings
from tsmigrate.sql import raw

# Most plain databases have nothing to tell, and planning the views below takes longer than to see that.
_ANY = """
SELECT EXISTS (SELECT FROM _timescaledb_catalog.hypertable)
       OR EXISTS (SELECT FROM _timescaledb_config.bgw_job WHERE id >= 1000)
"""

# What holds rows: a hypertable, or the one behind a continuous aggregate, under the name its user knows. Asked once and
# given to the other queries as rows: to plan these views in a join with others takes PostgreSQL far longer.
_HOLDERS = r"""
SELECT format('hypertable %I.%I', hypertable_schema, hypertable_name) AS object,
       hypertable_schema::text AS schema, hypertable_name::text AS name, NULL AS user_name,
       compression_enabled::text AS columnstore, tablespaces::text AS tablespaces, NULL AS definition
FROM timescaledb_information.hypertables
UNION ALL
SELECT format('continuous aggregate %I.%I', view_schema, view_name),
       materialization_hypertable_schema, materialization_hypertable_name, format('%I.%I', view_schema, view_name),
       compression_enabled::text, NULL,
       format(E'on %I.%I\nmaterialized only: %s\ndefinition:\n%s', hypertable_schema, hypertable_name,
              materialized_only, view_definition)
FROM timescaledb_information.continuous_aggregates
"""
_COLUMNS = ("object", "schema", "name", "user_name", "columnstore", "tablespaces", "definition")
_GIVEN = f"""
WITH holder ({", ".join(_COLUMNS)}) AS (
    SELECT * FROM unnest({", ".join(f"CAST(:{column} AS text[])" for column in _COLUMNS)})
)
"""

_AGGREGATES = "SELECT object, definition FROM holder WHERE definition IS NOT NULL"
_DIMENSIONS = """
SELECT object, CASE dimension_type
    WHEN 'Time' THEN format('dimension %s: %I %s by %s', dimension_number, column_name, column_type,
                            coalesce(time_interval::text, integer_interval::text))
                     || coalesce(', now is ' || integer_now_func || '()', '')
    ELSE format('dimension %s: %I %s in %s partitions', dimension_number, column_name, column_type, num_partitions) END
FROM holder JOIN timescaledb_information.dimensions ON (hypertable_schema, hypertable_name) = (schema, name)
"""
# No view shows where chunks go.
_CHUNKS = r"""
SELECT object, format('chunks in the schema %I', associated_schema_name)
FROM holder JOIN _timescaledb_catalog.hypertable h ON (h.schema_name, h.table_name) = (schema, name)
WHERE associated_schema_name NOT LIKE '\_timescaledb%'
"""
_TABLESPACES = "SELECT object, 'tablespaces: ' || tablespaces FROM holder WHERE tablespaces IS NOT NULL"

# The view also lists hypertables without a columnstore. Sparse indexes (2.22 on) are read by to_jsonb because older
# versions have no such column.
_COLUMNSTORE = """
SELECT object, format('columnstore: segment by %s, order by %s', coalesce(segmentby, '(automatic)'),
                      coalesce(orderby, '(automatic)'))
               || coalesce(', merged into chunks of ' || compress_interval_length, '')
               || coalesce(E'\nsparse indexes: ' || (to_jsonb(s) ->> 'index'), '')
FROM holder JOIN timescaledb_information.hypertable_columnstore_settings s
  ON s.hypertable = format('%I.%I', schema, name)::regclass
WHERE columnstore = 'true'
"""

# An aggregate's indexes belong to the hypertable behind it, whose schema pg_dump leaves out. A name made from that
# hypertable's is left out: where it is cut at 63 bytes depends on the number in it.
_AGGREGATE_INDEXES = r"""
SELECT object, CASE WHEN indexname !~ '^_materialized_hypertable_\d+_' THEN indexdef
                    ELSE replace(indexdef, 'INDEX ' || quote_ident(indexname) || ' ON ', 'INDEX ON ') END
               || coalesce(E'\ncomment: ' || obj_description(format('%I.%I', schemaname, indexname)::regclass), '')
FROM holder JOIN pg_indexes ON (schemaname, tablename) = (schema, name)
WHERE user_name IS NOT NULL
"""

# No view shows the columns of enable_chunk_skipping().
_SKIPPING = """
SELECT DISTINCT object, format('chunk skipping: %I', s.column_name)
FROM holder JOIN _timescaledb_catalog.hypertable h ON (h.schema_name, h.table_name) = (schema, name)
JOIN _timescaledb_catalog.chunk_column_stats s ON s.hypertable_id = h.id
"""

# Jobs below 1000 are the extension's own. The view has no time zone, and up to 2.2x it names the hypertable behind an
# aggregate.
_JOBS = r"""
SELECT format('job %I.%I', proc_schema, proc_name)
       || coalesce(' on ' || coalesce(user_name, quote_ident(j.hypertable_schema)
                                                 || '.' || quote_ident(j.hypertable_name)), ''),
       format(E'%s\nevery %s%s%s, as %I\nat most %s a run, %s retries, %s apart',
              regexp_replace(application_name, ' \[\d+\]$', ''), schedule_interval,
              CASE WHEN fixed_schedule THEN ', on a fixed schedule' ELSE '' END
              || coalesce(' of ' || (SELECT b.timezone FROM _timescaledb_config.bgw_job b WHERE b.id = job_id), ''),
              CASE WHEN scheduled THEN '' ELSE ', paused' END, owner, max_runtime, max_retries, retry_period)
       || coalesce(E'\nchecked by ' || quote_ident(check_schema) || '.' || quote_ident(check_name), '')
       || coalesce(E'\nconfig ' || config::text, '')
FROM timescaledb_information.jobs j
LEFT JOIN holder ON (schema, name) = (j.hypertable_schema, j.hypertable_name)
WHERE job_id >= 1000
"""
_FACTS = (_AGGREGATES, _DIMENSIONS, _CHUNKS, _TABLESPACES, _COLUMNSTORE, _AGGREGATE_INDEXES, _SKIPPING, _JOBS)


def timescale_text(connection: Connection) -> str:
    """Hypertables, dimensions, columnstore settings, continuous aggregates and jobs. Empty where there are none."""
    if not extension.answers(connection) or not connection.execute(raw(_ANY)).scalar_one():
        return ""
    facts: dict[str, list[str]] = defaultdict(list)
    with fixed_settings(connection):
        ids = Ids.of(connection)
        holders = connection.execute(raw(_HOLDERS)).all()
        given = {column: [getattr(holder, column) for holder in holders] for column in _COLUMNS}
        for query in _FACTS:
            found = connection.execute(text(_GIVEN + query), given)
            for holder, fact in sorted((name, ids.named_in_config(fact)) for name, fact in found):
                facts[holder].append(fact)
    return "\n".join(f"{name}\n{indent(chr(10).join(facts[name]), '    ')}\n" for name in sorted(facts))
