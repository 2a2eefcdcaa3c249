"""A columnstore's settings as jsonb: read from the catalog, and said again.

The keys are `segmentby`, `orderby`, `interval` (of the chunks that chunks are merged into) and `indexes` (the sparse
indexes that were asked for), each in the words of its option; NULL means that TimescaleDB chooses.
"""

from __future__ import annotations

from tsmigrate.ops.facts import COMPRESSED_CHUNKS, HOLDER
from tsmigrate.ops.support import INSTALLED_VERSION
from tsmigrate.plpgsql import assemble, refuse

# The view's text does not quote names; the table has them in arrays. Its column `index` came with 2.22.
_SETTINGS = """\
SELECT jsonb_build_object(
         'segmentby', CASE WHEN s.segmentby IS NOT NULL THEN
           coalesce((SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                       FROM unnest(s.segmentby) WITH ORDINALITY AS u(c, n)), '') END,
         'orderby', (SELECT string_agg(quote_ident(c) || CASE WHEN down THEN ' DESC' ELSE ' ASC' END
                                       || CASE WHEN first THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, ', ' ORDER BY n)
                       FROM unnest(s.orderby, s.orderby_desc, s.orderby_nullsfirst)
                            WITH ORDINALITY AS u(c, down, first, n)),
         'interval', (SELECT v.compress_interval_length FROM timescaledb_information.hypertable_compression_settings v
                       WHERE v.hypertable = s.relid),
         'indexes', (SELECT string_agg(format('%s(%s)', i ->> 'type',
                              (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                                 FROM jsonb_array_elements_text(CASE jsonb_typeof(i -> 'column')
                                        WHEN 'array' THEN i -> 'column' ELSE jsonb_build_array(i -> 'column') END)
                                      WITH ORDINALITY AS u(c, n))), ', ')
                       FROM jsonb_array_elements(nullif(to_jsonb(s) -> 'index', 'null')) AS e(i)
                      WHERE i ->> 'source' = 'config'))
  INTO {{variable}}
  FROM _timescaledb_catalog.compression_settings s WHERE s.relid = {{holder}}::regclass;"""


def read_settings(variable: str) -> str:
    """Into `variable` (jsonb); NULL where the columnstore is not enabled."""
    return assemble(
        """
        {{variable}} := NULL;
        IF facts.columnstore THEN
          {{settings}}
        END IF;
        """,
        variable=variable,
        settings=assemble(_SETTINGS, variable=variable, holder=HOLDER),
    )


def apply_settings(settings: str) -> str:
    """Enable the columnstore with these settings and no others; `settings` is an expression of type jsonb.

    A setting goes back to TimescaleDB's own choice when the columnstore is disabled and enabled, which it refuses once
    chunks are compressed; then it takes RESET, from 2.22 on. A continuous aggregate knows no RESET; its order
    is TimescaleDB's choice whenever none is given (seen on 2.28.3).
    """
    return assemble(
        """
        DECLARE
          wanted jsonb := jsonb_strip_nulls({{settings}});
          compressed boolean := EXISTS ({{compressed}});
          older boolean := {{version}} < ARRAY[2, 18];
          present jsonb;
          option record;
          options text := '';
        BEGIN
          {{read}}
          IF facts.columnstore AND NOT compressed THEN
            {{disable}}
          END IF;
          FOR option IN
            {{options}}
          LOOP
            IF option.value IS NOT NULL THEN
              options := options || format(', timescaledb.%s = %L', option.name, option.value);
            ELSIF compressed AND present ->> option.key IS NOT NULL
                  AND NOT (facts.is_aggregate AND option.key = 'orderby') THEN
              IF facts.is_aggregate OR {{version}} < ARRAY[2, 22] THEN
                {{cannot_reset}}
              END IF;
              EXECUTE format('ALTER TABLE %s RESET (timescaledb.%s)', facts.relation, option.name);
            END IF;
          END LOOP;
          EXECUTE format('ALTER %s %s SET (timescaledb.%s%s)', {{kind}}, facts.relation,
                         CASE WHEN older THEN 'compress' ELSE 'enable_columnstore' END, options);
        END;
        """,
        settings=settings,
        compressed=COMPRESSED_CHUNKS,
        version=INSTALLED_VERSION,
        read=read_settings("present"),
        options=_OPTIONS,
        kind=_KIND,
        disable=disable(),
        cannot_reset=refuse(
            "format('%s of %s cannot go back to TimescaleDB''s own choice while chunks are in the columnstore', "
            "option.key, facts.relation)",
            "decompress the chunks first; of a hypertable TimescaleDB 2.22 takes it back all the same",
        ),
    )


_OPTIONS = """\
SELECT key, CASE WHEN older OR key = 'interval' THEN 'compress_' ELSE '' END
            || CASE key WHEN 'interval' THEN 'chunk_time_interval' WHEN 'indexes' THEN 'index' ELSE key END
            AS name, wanted ->> key AS value
  FROM unnest(ARRAY['segmentby', 'orderby', 'interval', 'indexes']) AS key"""


def disable() -> str:
    """Before 2.18 the option had another name, which the next major version will not know any more."""
    return assemble(
        """
        EXECUTE format('ALTER %s %s SET (timescaledb.%s = false)', {{kind}}, facts.relation,
                       CASE WHEN {{version}} < ARRAY[2, 18] THEN 'compress' ELSE 'enable_columnstore' END);
        """,
        kind=_KIND,
        version=INSTALLED_VERSION,
    )


_KIND = "CASE WHEN facts.is_aggregate THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END"
