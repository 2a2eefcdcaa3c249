"""What widening a primary key and a unique constraint have in common, and narrowing them again.

A hypertable's every key must hold the partition column. The widened key keeps the narrow one's name, options and
place, so that nothing else in the schema changes; what the narrow one was is remembered for the way back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops.operation import TableOperation
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import assemble, do_block, lock, refuse, require_table
from tsmigrate.sql import identifier, literal

# The key as it is now. pg_get_indexdef gives an index's storage options, which pg_get_constraintdef leaves out.
_FIND_KEY = """\
SELECT k.conname AS name, k.conindid AS index_oid, k.condeferrable AS is_deferrable, k.condeferred AS is_deferred,
       obj_description(k.oid, 'pg_constraint') AS comment, obj_description(k.conindid, 'pg_class') AS index_comment,
       pg_get_indexdef(k.conindid) AS index, c.reloptions AS options, s.spcname AS tablespace,
       i.indisclustered AS clustered, i.indisreplident AS identifies, c.relkind = 'I' AS of_partitions,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_equal,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY place) AS columns
  INTO key
  FROM pg_constraint k
  JOIN pg_index i ON i.indexrelid = k.conindid
  JOIN pg_class c ON c.oid = k.conindid
  LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
 WHERE k.conrelid = {{table}}::regclass AND {{condition}};
IF key IS NULL OR key.name IS NULL THEN
  {{no_key}}
END IF;"""

_AFTER_ADDING = """\
IF {{key}}.comment IS NOT NULL THEN
  EXECUTE format('COMMENT ON CONSTRAINT %I ON {{table}} IS %L', {{key}}.name, {{key}}.comment);
END IF;
IF {{key}}.index_comment IS NOT NULL THEN
  EXECUTE format('COMMENT ON INDEX %s IS %L', {{index}}::regclass, {{key}}.index_comment);
END IF;
IF {{key}}.clustered THEN
  EXECUTE format('ALTER TABLE {{table}} CLUSTER ON %I', {{key}}.name);
END IF;
IF {{key}}.identifies THEN
  EXECUTE format('ALTER TABLE {{table}} REPLICA IDENTITY USING INDEX %I', {{key}}.name);
END IF;"""

_DEFERRABILITY = """\
CASE WHEN key.is_deferrable THEN ' DEFERRABLE' ELSE '' END
|| CASE WHEN key.is_deferred THEN ' INITIALLY DEFERRED' ELSE '' END"""


@dataclass(frozen=True)
class Key(TableOperation):
    """Which key."""

    keyword: ClassVar[str]

    @property
    @abstractmethod
    def condition(self) -> str:
        """By which it is found in pg_constraint k."""

    @property
    @abstractmethod
    def described(self) -> str:
        """For messages."""

    @abstractmethod
    def remembered_under(self, run: Run) -> undo.Key:
        """Where the upgrade leaves what the narrow key was."""

    def find(self) -> str:
        return assemble(
            _FIND_KEY,
            table=literal(self.subject),
            condition=self.condition,
            no_key=refuse(
                literal(f"there is no {self.described}"), "correct the revision, or leave this operation out"
            ),
        )

    def locked(self, run: Run) -> str:
        return lock(self.subject, "ACCESS EXCLUSIVE", run.locking)


def widen(key: Key, columns: Sequence[str], concurrent_index: str | None, run: Run) -> Sequence[str]:
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
              BEGIN
                EXECUTE format('ALTER TABLE {{subject}} DROP CONSTRAINT %I', key.name);
              EXCEPTION WHEN dependent_objects_still_exist THEN
                GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
                {{dependents}}
              END;
              EXECUTE format('ALTER TABLE {{subject}} ADD CONSTRAINT %I {{keyword}} ', key.name)
                {{key_of}}
                || {{deferrability}};
              {{after}}
            END
            """,
            require_table=require_table(key.subject),
            lock=key.locked(run),
            find=key.find(),
            refusals=_refuse_widening(key, wanted),
            table=literal(key.subject),
            subject=_in_format(key.subject),
            wanted=wanted,
            null_check=_refuse_nulls(key) if key.keyword == "PRIMARY KEY" else "",
            ready_index=_find_ready_index(key, columns, concurrent_index),
            remember=undo.remember(
                key.remembered_under(run),
                "to_jsonb(key) - ARRAY['index_oid', 'of_partitions'] "
                "|| jsonb_build_object('nullable', nullable, 'ready', ready)",
            ),
            dependents=refuse(
                f"{literal('other objects depend on the ' + key.described + ': ')} || told",
                "drop those first and create them again in a later revision",
            ),
            keyword=key.keyword,
            key_of=_key_of(columns, concurrent_index),
            deferrability=_DEFERRABILITY,
            after=assemble(
                _AFTER_ADDING, key="key", table=_in_format(key.subject), index=_index_of("key.name", key.subject)
            ),
        )
    ]


def _in_format(text: str) -> str:
    """`text` inside a quoted format string of PL/pgSQL."""
    return text.replace("'", "''").replace("%", "%%")


def _index_of(name: str, subject: str) -> str:
    """The index that stands behind the constraint `name`."""
    return f"(SELECT conindid FROM pg_constraint WHERE conrelid = {literal(subject)}::regclass AND conname = {name})"


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


def _refuse_widening(key: Key, wanted: str) -> str:
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


def _refuse_nulls(key: Key) -> str:
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


def _find_ready_index(key: Key, columns: Sequence[str], concurrent_index: str | None) -> str:
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


def narrow(key: Key, run: Run) -> Sequence[str]:
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
              -- NULLs are no duplicates of each other, unless the key says so.
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
              EXECUTE format('ALTER TABLE {{subject}} DROP CONSTRAINT %I', key.name);
              tablespace_before := current_setting('default_tablespace');
              PERFORM set_config('default_tablespace', coalesce(key.tablespace, ''), true);
              EXECUTE key.index;
              PERFORM set_config('default_tablespace', tablespace_before, true);
              EXECUTE format('ALTER TABLE {{subject}} ADD CONSTRAINT %I {{keyword}} USING INDEX %I', key.name, key.name)
                || {{deferrability}};
              {{after}}
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
            subject=_in_format(key.subject),
            duplicates=refuse(
                f"format('%s values of (%s) occur more than once in %s', number, array_to_string(key.columns, ', '), "
                f"{literal(key.subject)})",
                "the narrow key would not hold: delete or renumber the duplicates, then downgrade again",
            ),
            keyword=key.keyword,
            deferrability=_DEFERRABILITY,
            after=assemble(
                _AFTER_ADDING, key="key", table=_in_format(key.subject), index=_index_of("key.name", key.subject)
            ),
        )
    ]


def columns_named(key: Key, columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns:
        raise UsageError(
            f"{key.name} of the {key.described} does not say which columns the upgrade had widened it to",
            mend="name them: columns=…",
        )
    return columns
