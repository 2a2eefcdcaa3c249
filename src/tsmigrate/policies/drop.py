"""An emulated aggregate goes, and comes back: what would be lost with it, and what is kept to make it again."""

from __future__ import annotations

from tsmigrate.plpgsql import assemble
from tsmigrate.policies import state
from tsmigrate.policies.windows import ADDED_INDEXES, HOLDING, VIEW, WINDOW, filled_in, floor, following, oldest, typed

_CONFIG = """\
SELECT p.config, p.source, s.config INTO aggregate, source, below
  FROM tsmigrate.policy p LEFT JOIN tsmigrate.policy s ON s.relation = p.source AND s.kind = 'aggregate'
 WHERE p.relation = facts.relation AND p.kind = 'aggregate';"""

# A bucket at the edge of what was dropped is there in part: what its rows give is compared with what is held.
_FIND_LOST = """\
DECLARE
  aggregate jsonb;
  source regclass;
  below jsonb;
  oldest text;
  edge text;
  after_it text;
  path text := current_setting('search_path');
  style text := current_setting('datestyle');
BEGIN
  {{config}}
  PERFORM set_config('datestyle', 'ISO', true), set_config('search_path', 'pg_catalog', true);
  EXECUTE format(
    'WITH there (since, until) AS MATERIALIZED (%s) '
    'SELECT count(*) AS whole, 0::bigint AS partly, min(bucket)::text AS first, max(bucket)::text AS last '
    '  FROM (SELECT DISTINCT %I AS bucket FROM tsmigrate.%I) AS held '
    ' WHERE NOT EXISTS (SELECT FROM there WHERE since < %s AND until > held.bucket)',
    CASE WHEN below IS NOT NULL
      THEN format('SELECT DISTINCT %I, %s FROM %s', below ->> 'bucket_column', {{until_below}}, source)
      ELSE format(
        'SELECT (c.%1$s)::%3$s, (c.%2$s)::%3$s FROM timescaledb_information.chunks c, pg_class r, pg_namespace n '
        ' WHERE r.oid = %4$s AND n.oid = r.relnamespace '
        '   AND (c.hypertable_schema, c.hypertable_name) = (n.nspname, r.relname)',
        CASE WHEN (aggregate ->> 'by_number')::boolean THEN 'range_start_integer'
             WHEN aggregate ->> 'type' = 'timestamp with time zone' THEN 'range_start'
             ELSE 'range_start AT TIME ZONE ''UTC''' END,
        CASE WHEN (aggregate ->> 'by_number')::boolean THEN 'range_end_integer'
             WHEN aggregate ->> 'type' = 'timestamp with time zone' THEN 'range_end'
             ELSE 'range_end AT TIME ZONE ''UTC''' END,
        aggregate ->> 'type', source::oid) END,
    aggregate ->> 'bucket_column', aggregate ->> 'holder', {{until}}) INTO lost;
  {{oldest}}
  IF oldest IS NOT NULL AND (aggregate ? 'kept_until' OR oldest IS DISTINCT FROM aggregate ->> 'raw_from') THEN
    {{edge}}
    {{after_it}}
    EXECUTE format('SELECT count(*) FROM (SELECT held::text FROM tsmigrate.%I AS held WHERE %I = %s '
                   'EXCEPT SELECT given::text FROM (%s) AS given) AS different',
                   aggregate ->> 'holder', aggregate ->> 'bucket_column', {{edge_value}}, {{windowed}})
      INTO lost.partly;
    lost.partly := least(lost.partly, 1);
  END IF;
  PERFORM set_config('datestyle', style, true), set_config('search_path', path, true);
END;"""

FIND_LOST = assemble(
    _FIND_LOST,
    config=_CONFIG,
    until=filled_in("aggregate ->> 'following'", "at", "'held.bucket'"),
    until_below=filled_in("below ->> 'following'", "at", "quote_ident(below ->> 'bucket_column')", "below"),
    oldest=oldest("source", "below"),
    edge=floor("oldest", "edge"),
    after_it=following("edge", "after_it"),
    edge_value=typed("edge"),
    windowed=filled_in(filled_in(WINDOW, "window_start", typed("edge")), "window_end", typed("after_it")),
)
"""Into the record `lost`, how many buckets of the aggregate of `facts` the rows below it no longer give: `whole` ones,
from `first` to `last`, and `partly`."""

TAKE_AWAY = f"""\
EXECUTE format('DROP VIEW tsmigrate.%I', facts.holder_name || '_window');
EXECUTE format('DROP TABLE tsmigrate.%I', facts.holder_name);
DELETE FROM tsmigrate.policy WHERE relation = facts.relation;
{state.SWEEP}"""
"""What is left of the aggregate of `facts` when its view is gone."""

CAPTURE = assemble(
    """
    DECLARE
      aggregate jsonb;
      path text := current_setting('search_path');
    BEGIN
      SELECT config INTO aggregate FROM tsmigrate.policy WHERE relation = facts.relation AND kind = 'aggregate';
      PERFORM set_config('search_path', 'pg_catalog', true);
      remembered := remembered || jsonb_build_object(
        'emulated', true, 'window', {{window}},
        'added_indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'comment', comment,
                                                                       'definition', definition) ORDER BY oid), '[]')
                            FROM ({{added_indexes}}) AS added),
        'policies', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.kind) FROM tsmigrate.policy p
                      WHERE p.relation = facts.relation));
      PERFORM set_config('search_path', path, true);
    END;
    """,
    window=WINDOW,
    added_indexes=ADDED_INDEXES,
)
"""Add to `remembered` what it takes to make the aggregate of `facts` again."""

RESTORE = assemble(
    """
    DECLARE
      aggregate jsonb;
      added record;
      other text;
      path text := current_setting('search_path');
    BEGIN
      {{tables}}
      SELECT p -> 'config' INTO aggregate FROM jsonb_array_elements(remembered -> 'policies') AS p
       WHERE p ->> 'kind' = 'aggregate';
      EXECUTE format('CREATE VIEW tsmigrate.%I AS %s', aggregate ->> 'holder' || '_window', remembered ->> 'window');
      {{holding}}
      FOR added IN
        SELECT * FROM jsonb_to_recordset(remembered -> 'added_indexes') AS a (name text, comment text, definition text)
      LOOP
        EXECUTE added.definition;
        EXECUTE format('COMMENT ON INDEX tsmigrate.%I IS %L', added.name, added.comment);
      END LOOP;
      {{view}}
      EXECUTE format('CREATE VIEW %I.%I AS %s', remembered ->> 'schema', remembered ->> 'name', other);
      INSERT INTO tsmigrate.policy
      SELECT r.* FROM jsonb_array_elements(remembered -> 'policies') AS p,
             jsonb_populate_record(NULL::tsmigrate.policy, p || jsonb_build_object(
               'relation', format('%I.%I', remembered ->> 'schema', remembered ->> 'name'))) AS r;
    END;
    """,
    tables=state.TABLES,
    holding=HOLDING,
    view=VIEW,
)
"""Make the aggregate of `remembered` again, without rows."""
