"""The refresh of an emulated aggregate: the buckets of a window, and no others."""

from __future__ import annotations

from tsmigrate.plpgsql import assemble, refuse
from tsmigrate.policies.present import ago
from tsmigrate.policies.windows import WINDOW, ceiling, filled_in, floor, following, oldest, typed


def refresh(relation: str, start: str, end: str) -> str:
    """Make the buckets anew that lie in the window whole, and no others; what was done is in `tsmigrate.done`.

    All three are expressions; a bound is a text, or NULL. Whatever the rows of those buckets are now, late ones and
    changed ones included, is what they hold afterwards. The cost is that of the window: both statements have its bounds
    as constants. Two refreshes of one aggregate wait for each other; readers wait for neither.

    Buckets whose rows have been dropped are kept as they are: where the rows begin later than they did at an earlier
    refresh, no bucket is touched that begins before them.
    """
    return assemble(
        _REFRESH,
        relation=relation,
        start=start,
        end=end,
        gone=refuse(f"format('%s is no aggregate that tsmigrate keeps', {relation})", "see tsmigrate policies list"),
        lower=ceiling(start, "lower"),
        upper=floor(end, "upper"),
        oldest=oldest("source", "below"),
        after_all=_AFTER_ALL,
        kept=ceiling("oldest", "kept"),
        windowed=filled_in(filled_in(WINDOW, "window_start", typed("lower")), "window_end", typed("upper")),
    )


def refresh_by_policy(relation: str) -> str:
    """The window of its policy, as of now."""
    return assemble(
        """
        DECLARE
          window_start text;
          window_end text;
          of_type regtype;
          of_numbers boolean;
          policy record;
          written_as text := pg_catalog.current_setting('datestyle');
        BEGIN
          PERFORM set_config('datestyle', 'ISO', true);
          SELECT config ->> 'start_offset' AS since, config ->> 'end_offset' AS until INTO policy
            FROM tsmigrate.policy WHERE relation = {{relation}} AND kind = 'refresh';
          {{start}}
          {{end}}
          {{refresh}}
          PERFORM set_config('datestyle', written_as, true);
        END;
        """,
        relation=relation,
        start=ago(relation, "policy.since", "window_start"),
        end=ago(relation, "policy.until", "window_end"),
        refresh=refresh(relation, "window_start", "window_end"),
    )


# All rows are gone: what is held stays.
_AFTER_ALL = assemble(
    """
    EXECUTE format('SELECT max(%I)::text FROM tsmigrate.%I', aggregate ->> 'bucket_column', aggregate ->> 'holder')
      INTO kept;
    IF kept IS NOT NULL THEN
      {{following}}
    END IF;
    """,
    following=following("kept", "kept"),
)

_REFRESH = """\
DECLARE
  aggregate jsonb;
  source regclass;
  below jsonb;
  known jsonb;
  lower text;
  upper text;
  oldest text;
  kept text;
  yes boolean;
  removed bigint := 0;
  written bigint := 0;
  path text := pg_catalog.current_setting('search_path');
  style text := pg_catalog.current_setting('datestyle');
BEGIN
  SELECT p.config, p.source, s.config INTO aggregate, source, below
    FROM tsmigrate.policy p LEFT JOIN tsmigrate.policy s ON s.relation = p.source AND s.kind = 'aggregate'
   WHERE p.relation = {{relation}} AND p.kind = 'aggregate' FOR UPDATE OF p;
  IF aggregate IS NULL THEN
    {{gone}}
  END IF;
  PERFORM set_config('datestyle', 'ISO', true), set_config('search_path', 'pg_catalog', true);
  lower := aggregate ->> 'lowest';
  upper := aggregate ->> 'highest';
  IF {{start}} IS NOT NULL THEN
    {{lower}}
  END IF;
  IF {{end}} IS NOT NULL THEN
    {{upper}}
  END IF;

  {{oldest}}
  IF oldest IS NULL THEN
    {{after_all}}
  ELSE
    EXECUTE format('SELECT %1$L::%3$s > %2$L::%3$s', oldest, aggregate ->> 'raw_from', aggregate ->> 'type') INTO yes;
    IF yes THEN
      {{kept}}
    END IF;
  END IF;
  known := aggregate;
  EXECUTE format('SELECT greatest(%1$L::%3$s, %2$L::%3$s)::text',
                 kept, aggregate ->> 'kept_until', aggregate ->> 'type') INTO kept;
  aggregate := aggregate || jsonb_build_object('raw_from', coalesce(oldest, aggregate ->> 'raw_from'))
               || jsonb_strip_nulls(jsonb_build_object('kept_until', kept));
  IF aggregate <> known THEN
    UPDATE tsmigrate.policy SET config = aggregate WHERE relation = {{relation}} AND kind = 'aggregate';
  END IF;
  EXECUTE format('SELECT greatest(%1$L::%3$s, %2$L::%3$s)::text', lower, kept, aggregate ->> 'type') INTO lower;
  EXECUTE format('SELECT %1$L::%3$s < %2$L::%3$s', lower, upper, aggregate ->> 'type') INTO yes;
  IF yes THEN
    EXECUTE format('DELETE FROM tsmigrate.%1$I WHERE %2$I >= %3$L::%5$s AND %2$I < %4$L::%5$s', aggregate ->> 'holder',
                   aggregate ->> 'bucket_column', lower, upper, aggregate ->> 'type');
    GET DIAGNOSTICS removed = ROW_COUNT;
    EXECUTE format('INSERT INTO tsmigrate.%I %s', aggregate ->> 'holder', {{windowed}});
    GET DIAGNOSTICS written = ROW_COUNT;
  END IF;
  PERFORM set_config('datestyle', style, true), set_config('search_path', path, true),
          set_config('tsmigrate.done', jsonb_build_object(
            'from', lower, 'to', upper, 'rows_removed', removed, 'rows_written', written)::text, true);
END;"""
