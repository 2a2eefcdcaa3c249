"""A continuous aggregate with all that was given to it, kept as jsonb and made again."""

from __future__ import annotations

from tsmigrate.ops.columnstore_settings import read_settings
from tsmigrate.ops.facts import ON_IT
from tsmigrate.plpgsql import assemble, refuse

_SEARCH_PATH = """\
DECLARE
  search_path text := current_setting('search_path');
  detail text;
  jobs jsonb;
  columnstore jsonb;
BEGIN
  PERFORM set_config('search_path', 'pg_catalog', true);
  {{within}}
  PERFORM set_config('search_path', search_path, true);
END;"""

# With an empty search path the definitions name every schema.
_CAPTURE = """\
SELECT format('%s (job %s)', proc_name, job_id) INTO detail
  FROM timescaledb_information.jobs
 WHERE {{on_it}}
   AND proc_name NOT IN ('policy_refresh_continuous_aggregate', 'policy_retention', 'policy_compression');
IF FOUND THEN
  {{unknown_job}}
END IF;
-- The table of jobs moved from one schema to the other with 2.25.
EXECUTE format(
  'SELECT jsonb_agg(to_jsonb(j) || jsonb_build_object(''timezone'', b.timezone) ORDER BY j.job_id) '
  '  FROM timescaledb_information.jobs j JOIN %s b ON b.id = j.job_id '
  ' WHERE (j.hypertable_schema, j.hypertable_name) IN (($1, $2), ($3, $4))',
  coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job')))
  INTO jobs USING facts.holder_schema, facts.holder_name, facts.schema, facts.name;
{{read_columnstore}}
{{given}}
SELECT remembered || jsonb_build_object(
  'span_type', facts.span_type,
  'query', rtrim(a.view_definition, E'; \\n'), 'materialized_only', a.materialized_only,
  'held', facts.holder_name,
  'interval', (SELECT d.interval_length FROM _timescaledb_catalog.dimension d
                JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id
               WHERE (h.schema_name, h.table_name) = (facts.holder_schema, facts.holder_name)
                 AND d.interval_length IS NOT NULL ORDER BY d.id LIMIT 1),
  'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'name', c.relname, 'comment', obj_description(c.oid, 'pg_class'),
                        'rest', substr(pg_get_indexdef(c.oid), 1 + length(format(
                          'CREATE INDEX %I ON %I.%I ', c.relname, facts.holder_schema, facts.holder_name)))
                        ) ORDER BY c.oid), '[]')
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE i.indrelid = format('%I.%I', facts.holder_schema, facts.holder_name)::regclass),
  'columnstore', columnstore,
  'jobs', coalesce(jobs, '[]'))
  INTO remembered
  FROM timescaledb_information.continuous_aggregates a
 WHERE (a.view_schema, a.view_name) = (facts.schema, facts.name);"""

GIVEN = """\
remembered := jsonb_build_object(
  'schema', facts.schema, 'name', facts.name, 'owner', facts.owner,
  'comment', obj_description(facts.relation, 'pg_class'),
  'column_comments', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'column', attname, 'comment', col_description(attrelid, attnum))), '[]')
                        FROM pg_attribute
                       WHERE attrelid = facts.relation AND attnum > 0
                         AND col_description(attrelid, attnum) IS NOT NULL),
  'grants', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'to', CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
                       'privilege', g.privilege_type, 'grantable', g.is_grantable, 'column', g.attname)), '[]')
               FROM (SELECT e.*, NULL::name AS attname FROM pg_class, aclexplode(relacl) e WHERE oid = facts.relation
                     UNION ALL
                     SELECT e.*, attname FROM pg_attribute, aclexplode(attacl) e WHERE attrelid = facts.relation) AS g),
  'has_grants', (SELECT relacl IS NOT NULL FROM pg_class WHERE oid = facts.relation));"""
"""Into `remembered`, what was given to the view of `facts`: its owner, grants and comments."""

_RESTORE = """\
DECLARE
  view text := format('%I.%I', remembered ->> 'schema', remembered ->> 'name');
  held record;
  part record;
  job int;
BEGIN
  EXECUTE format('CREATE MATERIALIZED VIEW %s WITH (timescaledb.continuous, timescaledb.create_group_indexes = false, '
                 'timescaledb.materialized_only = %s) AS %s WITH NO DATA',
                 view, remembered ->> 'materialized_only', remembered ->> 'query');
  SELECT h.id, h.schema_name AS schema, h.table_name AS name, format('%I.%I', h.schema_name, h.table_name) AS full_name
    INTO held
    FROM timescaledb_information.continuous_aggregates a
    JOIN _timescaledb_catalog.hypertable h
      ON (h.schema_name, h.table_name) = (a.materialization_hypertable_schema, a.materialization_hypertable_name)
   WHERE (a.view_schema, a.view_name) = (remembered ->> 'schema', remembered ->> 'name');
  IF remembered ->> 'span_type' <> 'interval' THEN
    PERFORM set_chunk_time_interval(held.full_name::regclass, (remembered ->> 'interval')::bigint);
  ELSE
    PERFORM set_chunk_time_interval(held.full_name::regclass,
                                    (remembered ->> 'interval')::bigint * interval '1 microsecond');
  END IF;

  -- The names of indexes hold the number of the hypertable behind the aggregate, a new one now.
  FOR part IN
    SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = held.full_name::regclass
  LOOP
    EXECUTE format('DROP INDEX %I.%I', held.schema, part.name);
  END LOOP;
  FOR part IN
    SELECT replace(name, remembered ->> 'held', held.name) AS name, comment, rest
      FROM jsonb_to_recordset(remembered -> 'indexes') AS i (name text, comment text, rest text)
  LOOP
    EXECUTE format('CREATE INDEX %I ON %s %s', part.name, view, part.rest);
    IF part.comment IS NOT NULL THEN
      EXECUTE format('COMMENT ON INDEX %I.%I IS %L', held.schema, part.name, part.comment);
    END IF;
  END LOOP;

  {{give}}

  -- A grant on a column fails once there is a columnstore (2.28).
  IF remembered ->> 'columnstore' IS NOT NULL THEN
    EXECUTE format('ALTER MATERIALIZED VIEW %s SET (timescaledb.compress%s%s)', view,
                   ', timescaledb.compress_segmentby = ' || quote_literal(remembered -> 'columnstore' ->> 'segmentby'),
                   ', timescaledb.compress_orderby = ' || quote_literal(remembered -> 'columnstore' ->> 'orderby'));
  END IF;

  FOR part IN
    SELECT * FROM jsonb_to_recordset(remembered -> 'jobs')
        AS j (job_id int, proc_name text, schedule_interval interval, max_runtime interval, max_retries int,
              retry_period interval, scheduled boolean, fixed_schedule boolean, initial_start timestamptz,
              timezone text, config jsonb)
     ORDER BY job_id
  LOOP
    {{add_job}}
    PERFORM alter_job(job, max_runtime => part.max_runtime, max_retries => part.max_retries,
                      retry_period => part.retry_period, scheduled => part.scheduled,
                      schedule_interval => part.schedule_interval, timezone => part.timezone,
                      config => part.config || CASE part.proc_name
                        WHEN 'policy_refresh_continuous_aggregate' THEN jsonb_build_object('mat_hypertable_id', held.id)
                        ELSE jsonb_build_object('hypertable_id', held.id) END);
  END LOOP;
END;"""


def give(kind: str) -> str:
    """What `GIVEN` has remembered, to the view named in `view`. `kind` is what ALTER calls it."""
    return assemble(_GIVE, kind=kind)


_GIVE = """\
IF remembered ->> 'comment' IS NOT NULL THEN
  EXECUTE format('COMMENT ON VIEW %s IS %L', view, remembered ->> 'comment');
END IF;
FOR part IN
  SELECT * FROM jsonb_to_recordset(remembered -> 'column_comments') AS c ("column" text, comment text)
LOOP
  EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, part."column", part.comment);
END LOOP;
EXECUTE format('ALTER {{kind}} %s OWNER TO %s', view, remembered ->> 'owner');
IF (remembered ->> 'has_grants')::boolean THEN
  EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, %s', view, remembered ->> 'owner');
END IF;
FOR part IN
  SELECT * FROM jsonb_to_recordset(remembered -> 'grants')
      AS g ("to" text, privilege text, grantable boolean, "column" text)
LOOP
  EXECUTE format('GRANT %s%s ON %s TO %s%s', part.privilege, ' (' || quote_ident(part."column") || ')', view,
                 part."to", CASE WHEN part.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
END LOOP;"""

# The type of the first argument is that of the partition column.
_ADD_JOB = """\
EXECUTE format(
  CASE part.proc_name
    WHEN 'policy_refresh_continuous_aggregate' THEN
      'SELECT add_continuous_aggregate_policy($1, ($2 ->> ''start_offset'')::%1$s, ($2 ->> ''end_offset'')::%1$s, $3, '
      'initial_start => $4, timezone => $5)'
    WHEN 'policy_retention' THEN
      'SELECT add_retention_policy($1, ($2 ->> ''drop_after'')::%1$s, schedule_interval => $3, initial_start => $4, '
      'timezone => $5, drop_created_before => ($2 ->> ''drop_created_before'')::interval)'
    ELSE
      'SELECT add_compression_policy($1, ($2 ->> ''compress_after'')::%1$s, schedule_interval => $3, '
      'initial_start => $4, timezone => $5, '
      'compress_created_before => ($2 ->> ''compress_created_before'')::interval)'
  END, remembered ->> 'span_type')
  INTO job USING view::regclass, part.config, part.schedule_interval, part.initial_start, part.timezone;"""

CAPTURE = assemble(
    _SEARCH_PATH,
    within=assemble(
        _CAPTURE,
        on_it=ON_IT,
        read_columnstore=read_settings("columnstore"),
        given=GIVEN,
        unknown_job=refuse(
            "format('a job works on %s that could not be made again: %s', facts.relation, detail)",
            "delete the job first: SELECT delete_job(…)",
        ),
    ),
)
"""Read the aggregate of `facts` into `remembered`."""

RESTORE = assemble(_RESTORE, give=give("MATERIALIZED VIEW"), add_job=_ADD_JOB)
"""Make the aggregate of `remembered` again, without data."""
