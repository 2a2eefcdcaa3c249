"""The block that widens a key: it refuses what would not hold, and remembers what the narrow key was."""

from __future__ import annotations

from collections.abc import Sequence

from tsmigrate import undo
from tsmigrate.ops.run import Run
from tsmigrate.ops.wide_key import DEFERRABILITY, TableKey
from tsmigrate.plpgsql import assemble, do_block, refuse, require_table
from tsmigrate.sql import identifier, literal


def widen(key: TableKey, columns: Sequence[str], concurrent_index: str | None, run: Run) -> Sequence[str]:
    wanted = f"ARRAY[{', '.join(literal(column) for column in columns)}]::text[]"
    return [
        do_block(
            """
            DECLARE
              key record;
              told text;
              number bigint;
              nullable text[];
              ready text;
            BEGIN
              {{require_table}}
              {{lock}}
              {{find}}
              {{refusals}}
              SELECT coalesce(array_agg(attname::text), '{}') INTO nullable FROM pg_attribute
               WHERE attrelid = {{table}}::regclass AND attname = ANY ({{wanted}}) AND NOT attnotnull;
              {{null_check}}
              {{ready_index}}
              {{remember}}
              {{drop}}
              EXECUTE format('ALTER TABLE {{subject}} ADD CONSTRAINT %I {{keyword}} ', key.name)
                {{key_of}}
                || {{deferrability}};
              {{given_back}}
            END
            """,
            require_table=require_table(key.subject),
            lock=key.locked(run),
            find=key.find(),
            refusals=_refuse_widening(key, wanted),
            table=literal(key.subject),
            subject=key.subject_in_format,
            wanted=wanted,
            null_check=_refuse_nulls(key) if key.keyword == "PRIMARY KEY" else "",
            ready_index=_find_ready_index(key, columns, concurrent_index),
            remember=undo.remember(
                key.remembered_under(run),
                "to_jsonb(key) - ARRAY['index_oid', 'of_partitions'] "
                "|| jsonb_build_object('nullable', nullable, 'ready', ready)",
            ),
            drop=_drop(key),
            keyword=key.keyword,
            key_of=_key_of(columns, concurrent_index),
            deferrability=DEFERRABILITY,
            given_back=key.given_back(),
        )
    ]


def _drop(key: TableKey) -> str:
    return assemble(
        """
        BEGIN
          EXECUTE format('ALTER TABLE {{subject}} DROP CONSTRAINT %I', key.name);
        EXCEPTION WHEN dependent_objects_still_exist THEN
          GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
          {{dependents}}
        END;
        """,
        subject=key.subject_in_format,
        dependents=refuse(
            f"{literal('other objects depend on the ' + key.described + ': ')} || told",
            "drop those first and create them again in a later revision",
        ),
    )


def _key_of(columns: Sequence[str], concurrent_index: str | None) -> str:
    if concurrent_index:
        return f"|| {literal('USING INDEX ' + identifier(concurrent_index))}"
    listed = ", ".join(identifier(column) for column in columns)
    return assemble(
        """
        || CASE WHEN key.nulls_equal THEN 'NULLS NOT DISTINCT ' ELSE '' END || {{columns}}
        || CASE WHEN key.options IS NULL THEN '' ELSE format(' WITH (%s)', array_to_string(key.options, ', ')) END
        || CASE WHEN key.tablespace IS NULL THEN '' ELSE format(' USING INDEX TABLESPACE %I', key.tablespace) END
        """,
        columns=literal(f"({listed})"),
    )


def _refuse_widening(key: TableKey, wanted: str) -> str:
    return assemble(
        """
        IF key.of_partitions THEN
          {{of_partitions}}
        END IF;
        SELECT string_agg(quote_ident(name), ', ') INTO told FROM unnest({{wanted}}) AS w(name)
         WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = {{table}}::regclass AND attname = w.name
                                                      AND attnum > 0 AND NOT attisdropped);
        IF told IS NOT NULL THEN
          {{no_column}}
        END IF;
        IF NOT key.columns <@ {{wanted}} OR key.columns @> {{wanted}} THEN
          {{not_wider}}
        END IF;
        SELECT string_agg(format('%I of %s', conname, conrelid::regclass), ', ') INTO told
          FROM pg_constraint WHERE contype = 'f' AND conindid = key.index_oid AND conparentid = 0;
        IF told IS NOT NULL THEN
          {{pointed_at}}
        END IF;
        """,
        wanted=wanted,
        table=literal(key.subject),
        of_partitions=refuse(
            literal(f"the {key.described} has a key of each partition under it, which would not come back"),
            "widen it by hand, in a revision whose downgrade makes it and the partitions' keys again",
        ),
        no_column=refuse(f"{literal(key.subject + ' has no column ')} || told", "correct the columns in the revision"),
        not_wider=refuse(
            f"{literal('the ' + key.described + ' is (')} || array_to_string(key.columns, ', ') "
            "|| '), and the columns given do not add to it'",
            "name all of its columns and the partition column",
        ),
        pointed_at=refuse(
            f"{literal('foreign keys point at the ' + key.described + ': ')} || told",
            "op.drop_foreign_key_to before; where the reference shall stay, op.widen_foreign_key afterwards",
        ),
    )


def _refuse_nulls(key: TableKey) -> str:
    return assemble(
        """
        IF nullable <> '{}' THEN
          EXECUTE (SELECT 'SELECT count(*) FROM {{subject}} WHERE '
                          || string_agg(format('%I IS NULL', name), ' OR ') FROM unnest(nullable) AS n(name))
            INTO number;
          IF number > 0 THEN
            {{nulls}}
          END IF;
        END IF;
        """,
        subject=key.subject.replace("'", "''"),
        nulls=refuse(
            f"format('%s rows of %s have no value in %s', number, {literal(key.subject)}, "
            "array_to_string(nullable, ', '))",
            "fill the column first: op.add_partition_column, or an UPDATE of your own",
        ),
    )


def _find_ready_index(key: TableKey, columns: Sequence[str], concurrent_index: str | None) -> str:
    """Check the index that was built beforehand, and keep its definition for the way back."""
    if not concurrent_index:
        return ""
    listed = ", ".join(literal(column) for column in columns)
    return assemble(
        """
        SELECT pg_get_indexdef(i.indexrelid) INTO ready
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid = {{table}}::regclass AND c.relname = {{index}} AND i.indisunique AND i.indisvalid
           AND i.indpred IS NULL AND i.indnkeyatts = i.indnatts
           AND ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int[]) WITH ORDINALITY AS u(number, place)
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number ORDER BY place)
               = ARRAY[{{listed}}]::text[];
        IF ready IS NULL THEN
          {{unfit}}
        END IF;
        """,
        table=literal(key.subject),
        index=literal(concurrent_index),
        listed=listed,
        unfit=refuse(
            literal(f"{key.subject} has no valid unique index {concurrent_index} on exactly ({', '.join(columns)})"),
            "CREATE UNIQUE INDEX CONCURRENTLY in a revision of its own, and see that it became valid",
        ),
    )
