"""The block that gives a table back the narrow key that was remembered."""

from __future__ import annotations

from collections.abc import Sequence

from tsmigrate import undo
from tsmigrate.ops.run import Run
from tsmigrate.ops.wide_key import DEFERRABILITY, TableKey
from tsmigrate.plpgsql import assemble, do_block, refuse, require_table
from tsmigrate.sql import literal


def narrow(key: TableKey, run: Run) -> Sequence[str]:
    return [
        do_block(
            """
            DECLARE
              key record;
              remembered jsonb;
              number bigint;
              col text;
              tablespace_before text;
            BEGIN
              {{require_table}}
              {{lock}}
              {{recall}}
              {{insist}}
              SELECT * INTO key FROM jsonb_to_record(remembered) AS k(
                name text, index text, ready text, tablespace text, columns text[], nullable text[], comment text,
                index_comment text, is_deferrable boolean, is_deferred boolean, clustered boolean, identifies boolean,
                nulls_equal boolean);
              {{refuse_duplicates}}
              EXECUTE format('ALTER TABLE {{subject}} DROP CONSTRAINT %I', key.name);
              tablespace_before := current_setting('default_tablespace');
              PERFORM set_config('default_tablespace', coalesce(key.tablespace, ''), true);
              EXECUTE key.index;
              PERFORM set_config('default_tablespace', tablespace_before, true);
              EXECUTE format('ALTER TABLE {{subject}} ADD CONSTRAINT %I {{keyword}} USING INDEX %I', key.name, key.name)
                || {{deferrability}};
              {{given_back}}
              FOREACH col IN ARRAY key.nullable LOOP
                EXECUTE format('ALTER TABLE {{subject}} ALTER COLUMN %I DROP NOT NULL', col);
              END LOOP;
              IF key.ready IS NOT NULL THEN
                EXECUTE key.ready;
              END IF;
            END
            """,
            require_table=require_table(key.subject),
            lock=key.locked(run),
            recall=undo.recall(key.remembered_under(run), "remembered"),
            insist=undo.insist("remembered", key.remembered_under(run)),
            subject=key.subject_in_format,
            refuse_duplicates=_refuse_duplicates(key),
            keyword=key.keyword,
            deferrability=DEFERRABILITY,
            given_back=key.given_back(),
        )
    ]


def _refuse_duplicates(key: TableKey) -> str:
    """NULLs are no duplicates of each other, unless the key says so."""
    return assemble(
        """
        EXECUTE (SELECT format('SELECT count(*) FROM (SELECT FROM {{subject}} WHERE %s GROUP BY %s '
                               'HAVING count(*) > 1) d',
                               CASE WHEN key.nulls_equal THEN 'true'
                                    ELSE string_agg(format('%I IS NOT NULL', name), ' AND ') END,
                               string_agg(quote_ident(name), ', '))
                   FROM unnest(key.columns) AS c(name))
          INTO number;
        IF number > 0 THEN
          {{duplicates}}
        END IF;
        """,
        subject=key.subject_in_format,
        duplicates=refuse(
            f"format('%s values of (%s) occur more than once in %s', number, array_to_string(key.columns, ', '), "
            f"{literal(key.subject)})",
            "the narrow key would not hold: delete or renumber the duplicates, then downgrade again",
        ),
    )
