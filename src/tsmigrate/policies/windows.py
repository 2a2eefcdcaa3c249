"""What an emulated aggregate is made of, and how it is asked for a window of time; see `aggregate`.

The pieces of PL/pgSQL have its config in the variable `aggregate`.
"""

from __future__ import annotations

from tsmigrate.plpgsql import assemble

HOLDING = """\
EXECUTE format('CREATE TABLE tsmigrate.%1$I AS SELECT * FROM tsmigrate.%2$I WITH NO DATA',
               aggregate ->> 'holder', aggregate ->> 'holder' || '_window');
EXECUTE format('COMMENT ON TABLE tsmigrate.%I IS %L', aggregate ->> 'holder',
               'The rows of an aggregate that this server cannot keep by itself; tsmigrate policies run does');
EXECUTE format(
  'CREATE %sINDEX ON tsmigrate.%I (%s)%s',
  CASE WHEN (aggregate ->> 'is_unique')::boolean THEN 'UNIQUE ' ELSE '' END, aggregate ->> 'holder',
  (SELECT string_agg(quote_ident(aggregate -> 'columns' ->> (place::int - 1)), ', ' ORDER BY n)
     FROM jsonb_array_elements_text(aggregate -> 'keys') WITH ORDINALITY AS k (place, n)),
  CASE WHEN (aggregate ->> 'is_unique')::boolean AND current_setting('server_version_num')::int >= 150000
       THEN ' NULLS NOT DISTINCT' ELSE '' END);"""
"""The table, where the view of a window is there."""


ADDED_INDEXES = """\
SELECT c.oid, c.relname AS name, obj_description(c.oid, 'pg_class') AS comment, pg_get_indexdef(c.oid) AS definition,
       substr(pg_get_indexdef(c.oid), 1 + length(format(
         'CREATE %sINDEX %I ON tsmigrate.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname,
         aggregate ->> 'holder'))) AS rest
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = format('tsmigrate.%I', aggregate ->> 'holder')::regclass
   AND i.indexrelid IS DISTINCT FROM (
     SELECT min(o.indexrelid) FROM pg_index o
      WHERE o.indrelid = i.indrelid AND o.indisunique = (aggregate ->> 'is_unique')::boolean
        AND string_to_array(o.indkey::text, ' ') = ARRAY(SELECT jsonb_array_elements_text(aggregate -> 'keys')))"""
"""A query: the indexes of that table but for the one that it was made with. Names are in full where the search_path is
pg_catalog."""


def filled_in(expression: str, setting: str, value: str, config: str = "aggregate") -> str:
    """An expression of type text: SQL as PostgreSQL writes it, `value` in place of what asks for a setting of ours.

    Only what is known when a query is planned keeps it from the chunks that do not matter.
    """
    asked = f"format('(current_setting(''tsmigrate.{setting}''::text))::%s', {config} ->> 'type')"
    return f"replace({expression}, {asked}, {value})"


def typed(value: str) -> str:
    """An expression of type text: the value of a variable as a literal of the partition column's type."""
    return f"format('%L::%s', {value}, aggregate ->> 'type')"


WINDOW = "rtrim(pg_get_viewdef(format('tsmigrate.%I', aggregate ->> 'holder' || '_window')::regclass), E'; \\n')"
"""An expression: the query of a window, for `filled_in`. Names are in full where the search_path is pg_catalog."""

_AFTER_THE_LAST = (
    "format('(SELECT COALESCE(%s, %L::%s) FROM tsmigrate.%I held)', "
    + filled_in("aggregate ->> 'following'", "at", "format('max(held.%I)', aggregate ->> 'bucket_column')")
    + ", aggregate ->> 'lowest', aggregate ->> 'type', aggregate ->> 'holder')"
)

VIEW = assemble(
    r"""
    PERFORM set_config('search_path', 'pg_catalog', true);
    SELECT format('SELECT %s FROM tsmigrate.%I', string_agg(quote_ident(name), ', ' ORDER BY n),
                  aggregate ->> 'holder') INTO other
      FROM jsonb_array_elements_text(aggregate -> 'columns') WITH ORDINALITY AS c (name, n);
    IF NOT (aggregate ->> 'materialized_only')::boolean THEN
      other := other || format(E'\nUNION ALL\n(%s)', {{live}});
    END IF;
    PERFORM set_config('search_path', path, true);
    """,
    live=filled_in(filled_in(WINDOW, "window_start", _AFTER_THE_LAST), "window_end", typed("aggregate ->> 'highest'")),
)
"""Into `other`, the query of the view that has the aggregate's name: the rows that are held and, unless it is to be
read as it is filled, those of the buckets after the last of them as they are now. `path` is the search_path."""


def oldest(source: str, below: str) -> str:
    """Into `oldest` (text), where the rows begin. `below` is the config of the aggregate that is read, or NULL.

    One that is read may be TimescaleDB's own by now: `promote` goes from the bottom up. The view of chunks would look
    at all of them; the slices of time that they lie in have an index.
    """
    return assemble(
        """
        IF {{below}} IS NOT NULL THEN
          EXECUTE format('SELECT min(%I)::text FROM tsmigrate.%I',
                         {{below}} ->> 'bucket_column', {{below}} ->> 'holder') INTO oldest;
        ELSE
          EXECUTE format(
            'SELECT %s::text FROM (SELECT min(range_start) AS since FROM _timescaledb_catalog.dimension_slice '
            '                       WHERE dimension_id = $1) AS slices',
            CASE aggregate ->> 'type' WHEN 'timestamp with time zone' THEN '_timescaledb_functions.to_timestamp(since)'
              WHEN 'timestamp without time zone' THEN '_timescaledb_functions.to_timestamp_without_timezone(since)'
              WHEN 'date' THEN '_timescaledb_functions.to_date(since)' ELSE 'since' END)
            INTO oldest USING (
              SELECT d.id FROM _timescaledb_catalog.hypertable h
                JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id AND d.interval_length IS NOT NULL
               WHERE (h.schema_name, h.table_name) IN (
                       SELECT n.nspname, r.relname FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
                        WHERE r.oid = {{source}}
                       UNION ALL
                       SELECT materialization_hypertable_schema, materialization_hypertable_name
                         FROM timescaledb_information.continuous_aggregates a
                        WHERE format('%I.%I', a.view_schema, a.view_name)::regclass = {{source}})
               ORDER BY d.id LIMIT 1);
        END IF;
        """,
        source=source,
        below=below,
    )


def floor(time: str, into: str) -> str:
    """The bucket that `time` is in."""
    return (
        f"PERFORM set_config('tsmigrate.at', {time}, true);\n"
        f"EXECUTE format('SELECT (%s)::text', aggregate ->> 'bucket') INTO {into};"
    )


def following(bucket: str, into: str) -> str:
    return (
        f"PERFORM set_config('tsmigrate.at', {bucket}, true);\n"
        f"EXECUTE format('SELECT (%s)::text', aggregate ->> 'following') INTO {into};"
    )


def ceiling(time: str, into: str) -> str:
    """The bucket that `time` begins, or else the next one. It uses the variable `yes`."""
    return assemble(
        """
        {{floor}}
        EXECUTE format('SELECT %1$L::%3$s < %2$L::%3$s', {{into}}, {{time}}, aggregate ->> 'type') INTO yes;
        IF yes THEN
          {{following}}
        END IF;
        """,
        floor=floor(time, into),
        into=into,
        time=time,
        following=following(into, into),
    )
