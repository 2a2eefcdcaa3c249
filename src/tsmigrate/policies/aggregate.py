"""A continuous aggregate in ordinary words: a table that holds its rows, and under its name a view over that table.

The pieces of PL/pgSQL here make one, refresh it and take it away. Its table, the *holder*, and a view that asks the
query for a window of time stand in the schema `tsmigrate`. Views know tables and columns by number, so that nothing
here breaks where one is renamed, and nothing depends on a search_path.

The rows after the newest bucket that is held are added by the view itself, unless the aggregate is to be read as it is
filled. That newest bucket is looked up in the holder: there is no other record of how far it is, and none that a crash
could leave behind.
"""

from __future__ import annotations

from tsmigrate.plpgsql import assemble, refuse
from tsmigrate.policies import state
from tsmigrate.policies.query import AT, FROM, TO, Buckets, NoBuckets
from tsmigrate.policies.state import Kind, Row, State
from tsmigrate.policies.windows import HOLDING, VIEW, oldest
from tsmigrate.sql import dollar_quoted, literal
from tsmigrate.undo import Key

TYPES = ("timestamptz", "timestamp", "date", "smallint", "integer", "bigint")


def create(name: str, key: Key, query: str, taken_apart: Buckets | NoBuckets, *, materialized_only: bool) -> str:
    """`name` is the view's own, without its schema. What only the server knows of the query is asked first."""
    what = f"{key.operation} of {key.subject}"
    if isinstance(taken_apart, NoBuckets):
        reason = f"{what} cannot be emulated: its query cannot be refreshed by buckets, for {taken_apart.reason}"
        return refuse(literal(reason), taken_apart.mend)
    return assemble(
        _CREATE,
        tables=state.TABLES,
        source=_source(what, taken_apart),
        holder=_free_name(name),
        query=dollar_quoted(query),
        unsteady=refuse(
            f"format('%s cannot be emulated: %s may give something else at the next refresh', {literal(what)}, other)",
            "use immutable functions; what depends on the time zone or the present belongs where the aggregate is read",
        ),
        keys=f"ARRAY[{', '.join(map(str, taken_apart.keys))}]",
        is_unique=str(taken_apart.all_keys).lower(),
        bucket_of=dollar_quoted(taken_apart.bucket_of),
        width=dollar_quoted(taken_apart.width),
        windowed=dollar_quoted(taken_apart.windowed),
        at=literal(AT),
        since=literal(FROM),
        until=literal(TO),
        create_view=literal(f"CREATE VIEW {key.subject} AS "),
        materialized_only=str(materialized_only).lower(),
        holding=HOLDING,
        view=VIEW,
        oldest=oldest("source.relation", "source.config"),
        write=state.write(
            key,
            Row(
                Kind.AGGREGATE,
                State.EMULATED,
                f"{literal(key.subject)}::regclass",
                "aggregate || jsonb_build_object('raw_from', oldest)",
                source="source.relation",
            ),
        ),
    )


def _source(what: str, taken_apart: Buckets) -> str:
    """Find the one hypertable, or emulated aggregate, that is read."""
    cannot = f"{what} cannot be emulated"
    reads = ", ".join(
        f"({literal(read.alias)}, {literal(read.name)}, {str(read.nullable).lower()})" for read in taken_apart.reads
    )
    return assemble(
        _SOURCE,
        reads=reads or "(NULL, NULL, NULL)",
        sources=_SOURCES,
        types=", ".join(f"'{name}'::regtype" for name in TYPES),
        column=literal(taken_apart.column),
        qualifier=literal(taken_apart.qualifier),
        none=refuse(
            literal(f"{cannot}: its query reads no hypertable, and no aggregate that is emulated"),
            "convert the table first: op.create_hypertable",
        ),
        several=refuse(
            literal(f"{cannot}: its query reads several hypertables"),
            "aggregate each hypertable by itself and join where they are read",
        ),
        nullable=refuse(
            literal(f"{cannot}: the hypertable stands to the right of a LEFT join"),
            "turn the join round, so that the hypertable stands to the left",
        ),
        another_column=refuse(
            f"format('%s: its time_bucket is of %s, and %s is partitioned by %I', {literal(cannot)}, "
            f"{literal(taken_apart.column)}, source.relation, source.partition_column)",
            "give time_bucket the partition column",
        ),
        type=refuse(
            f"format('%s: the partition column %I is of the type %s', {literal(cannot)}, source.partition_column, "
            "source.type)",
            f"aggregates go by a column of one of these types: {', '.join(TYPES)}",
        ),
        row_security=refuse(
            f"format('%s: row security is enabled on %s, which the aggregate would not know', {literal(cannot)}, "
            "source.relation)",
            "ALTER TABLE … DISABLE ROW LEVEL SECURITY, and look after access in another way",
        ),
    )


_SOURCE = """\
IF (SELECT count(*) FROM (VALUES {{reads}}) AS read (alias, name, nullable)
      JOIN ({{sources}}) AS s ON s.relation = to_regclass(read.name)) > 1 THEN
  {{several}}
END IF;
SELECT s.*, read.alias, read.nullable, c.relrowsecurity AS row_security INTO source
  FROM (VALUES {{reads}}) AS read (alias, name, nullable)
  JOIN ({{sources}}) AS s ON s.relation = to_regclass(read.name)
  JOIN pg_class c ON c.oid = s.relation;
IF source.relation IS NULL THEN
  {{none}}
ELSIF source.nullable THEN
  {{nullable}}
ELSIF source.partition_column <> {{column}} OR {{qualifier}} NOT IN ('', source.alias) THEN
  {{another_column}}
ELSIF source.type NOT IN ({{types}}) THEN
  {{type}}
ELSIF source.row_security THEN
  {{row_security}}
END IF;
by_number := source.type IN ('smallint'::regtype, 'integer', 'bigint');"""

_SOURCES = """\
SELECT format('%I.%I', hypertable_schema, hypertable_name)::regclass AS relation,
       column_name::text AS partition_column, column_type AS type, NULL::jsonb AS config
  FROM timescaledb_information.dimensions WHERE dimension_number = 1
UNION ALL
SELECT relation, config ->> 'bucket_column', (config ->> 'type')::regtype, config
  FROM tsmigrate.policy WHERE kind = 'aggregate'"""


def _free_name(name: str) -> str:
    """Into `holder` and `asked`: of the table, and with its schema of the view."""
    return assemble(
        """
        FOR number IN 1..1000000 LOOP
          holder := {{name}};
          WHILE octet_length(holder) > 54 - length(number::text) LOOP
            holder := left(holder, -1);
          END LOOP;
          holder := holder || CASE WHEN number > 1 THEN '_' || number ELSE '' END;
          asked := format('tsmigrate.%I', holder || '_window');
          EXIT WHEN holder NOT IN ('undo', 'policy', 'policy_run') AND to_regclass(asked) IS NULL
            AND to_regclass(format('tsmigrate.%I', holder)) IS NULL
            AND to_regtype(format('tsmigrate.%I', holder)) IS NULL;
        END LOOP;
        """,
        name=literal(name),
    )


# The view is first the query itself, then what gives the bucket of a time, and stays as the query of a window. What
# they say is kept with every name in full. A bucket and a half further on lies in the next one, even where months or
# the clock's changes make buckets of different lengths.
_CREATE = r"""
DECLARE
  source record;
  by_number boolean;
  holder text;
  asked text;
  part record;
  other text;
  oldest text;
  aggregate jsonb;
  path text := current_setting('search_path');
  style text := current_setting('datestyle');
  interval_style text := current_setting('IntervalStyle');
  zone text := current_setting('TimeZone');
  keys int[] := {{keys}};
  columns text[];
BEGIN
  PERFORM set_config('datestyle', 'ISO', true);
  {{tables}}
  {{source}}
  {{holder}}

  EXECUTE format('CREATE VIEW %s AS %s', asked, {{query}});
  SELECT string_agg(DISTINCT p.proname, ', ') INTO other
    FROM pg_rewrite r,
         regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid) (\d+)', 'g') AS used (oids)
    JOIN pg_proc p ON p.oid = used.oids[1]::oid
   WHERE r.ev_class = asked::regclass AND p.provolatile <> 'i';
  IF other IS NOT NULL THEN
    {{unsteady}}
  END IF;
  SELECT array_agg(attname ORDER BY attnum) INTO columns
    FROM pg_attribute WHERE attrelid = asked::regclass AND attnum > 0;
  PERFORM set_config('search_path', 'pg_catalog', true), set_config('TimeZone', 'UTC', true),
          set_config('IntervalStyle', 'postgres', true);
  aggregate := jsonb_build_object(
    'query', {{query}}, 'definition', rtrim(pg_get_viewdef(asked::regclass), E'; \n'), 'holder', holder,
    'columns', columns, 'keys', keys, 'is_unique', {{is_unique}}, 'bucket_column', columns[keys[1]],
    'type', source.type::text, 'by_number', by_number, 'materialized_only', {{materialized_only}},
    'lowest', CASE source.type WHEN 'smallint'::regtype THEN '-32768' WHEN 'integer'::regtype THEN '-2147483648'
                               WHEN 'bigint'::regtype THEN '-9223372036854775808' ELSE '-infinity' END,
    'highest', CASE source.type WHEN 'smallint'::regtype THEN '32767' WHEN 'integer'::regtype THEN '2147483647'
                                WHEN 'bigint'::regtype THEN '9223372036854775807' ELSE 'infinity' END);
  PERFORM set_config('search_path', path, true), set_config('TimeZone', zone, true),
          set_config('IntervalStyle', interval_style, true);
  EXECUTE format('DROP VIEW %s', asked);

  other := format('pg_catalog.current_setting(''tsmigrate.at'')::%s', source.type);
  FOR part IN
    SELECT * FROM (VALUES
      ('bucket', replace({{bucket_of}}, {{at}}, other)),
      ('following', CASE WHEN by_number THEN format('(%s + (%s))::%s', other, {{width}}, source.type)
        ELSE replace({{bucket_of}}, {{at}},
                     format('(%s + (%s)::interval * 1.5)::%s', other, {{width}}, source.type)) END),
      ('width', format('(%s)%s', {{width}}, CASE WHEN by_number THEN '' ELSE '::interval' END))
    ) AS e (name, expression)
  LOOP
    EXECUTE format('CREATE VIEW %s AS SELECT %s AS it', asked, part.expression);
    IF part.name = 'width' THEN
      EXECUTE format('SELECT it::text FROM %s', asked) INTO other;
    ELSE
      PERFORM set_config('search_path', 'pg_catalog', true);
      other := regexp_replace(pg_get_viewdef(asked::regclass), '^\s*SELECT (.*) AS it;?\s*$', '\1');
      PERFORM set_config('search_path', path, true);
    END IF;
    aggregate := aggregate || jsonb_build_object(part.name, other);
    EXECUTE format('DROP VIEW %s', asked);
  END LOOP;

  EXECUTE format('CREATE VIEW %s AS %s', asked, replace(replace({{windowed}},
    {{since}}, format('pg_catalog.current_setting(''tsmigrate.window_start'')::%s', source.type)),
    {{until}}, format('pg_catalog.current_setting(''tsmigrate.window_end'')::%s', source.type)));
  {{holding}}
  {{view}}
  EXECUTE {{create_view}} || other;
  {{oldest}}
  {{write}}
  PERFORM set_config('datestyle', style, true);
END;"""
