"""`op.create_continuous_aggregate` and its way back, `op.drop_continuous_aggregate`, which has one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.errors import UsageError
from tsmigrate.ops import emulate
from tsmigrate.ops.aggregate_definition import CAPTURE, GIVEN, RESTORE, give
from tsmigrate.ops.buckets import CREATE, find_lost_buckets, told_lost
from tsmigrate.ops.facts import find_aggregate
from tsmigrate.ops.operation import TableOperation, operation
from tsmigrate.ops.run import OnUnsupported, Run
from tsmigrate.ops.support import require_support, taken_back
from tsmigrate.plpgsql import assemble, do_block, free, in_attempts, refuse, tell
from tsmigrate.policies import aggregate
from tsmigrate.policies.drop import CAPTURE as CAPTURE_EMULATED
from tsmigrate.policies.drop import FIND_LOST, TAKE_AWAY
from tsmigrate.policies.drop import RESTORE as RESTORE_EMULATED
from tsmigrate.policies.query import take_apart
from tsmigrate.sql import dollar_quoted, literal
from tsmigrate.undo import Key

DROP = "drop_continuous_aggregate"


def executed(statement: str, subject: str, run: Run) -> str:
    """`statement`, an expression, which takes its locks itself."""
    return "SET CONSTRAINTS ALL IMMEDIATE;\n" + in_attempts(
        f"EXECUTE {statement};",
        run.locking,
        busy=refuse(
            f"format('%s did not get its locks in {run.locking.attempts}: %s', {literal(subject)}, SQLERRM)",
            free("its tables"),
        ),
    )


@operation
@dataclass(frozen=True)
class CreateContinuousAggregate(TableOperation):
    """Create a continuous aggregate over a hypertable or over another continuous aggregate, without data.

    `query` is the SELECT, with one time_bucket on the partition column in its GROUP BY. Fill it with
    `op.refresh_continuous_aggregate` in a revision of its own, and keep it filled with `op.add_refresh_policy`. With
    `materialized_only=False` a query also aggregates the rows that are newer than what is filled, as they are read.

    What the server refuses about the query is told in its words, with a way round where there is one.
    """

    query: str
    materialized_only: bool = False
    name = CREATE

    @classmethod
    def create_continuous_aggregate(
        cls,
        operations: Operations,
        name: str,
        query: str,
        materialized_only: bool = False,
        *,
        schema: str | None = None,
        on_unsupported: str | None = None,
    ) -> None:
        """Create a continuous aggregate, without data."""
        operations.invoke(cls(name, schema, query, materialized_only, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        query = self.query.strip().rstrip(";").rstrip()
        if not query:
            raise UsageError(f"{CREATE} of {self.subject} has no query", mend="give the SELECT as text")
        options = f"timescaledb.continuous, timescaledb.materialized_only = {str(self.materialized_only).lower()}"
        create = f"CREATE MATERIALIZED VIEW {self.subject} WITH ({options}) AS\n{query}\nWITH NO DATA"
        key = self.undo_key(run, CREATE)
        # The query stands on a line of its own making: it is not indented, for a text in it may span lines.
        return [
            do_block(
                """
                DECLARE
                  query text := {{create}};
                  failed record;
                  state text; message text; detail text; hint text;
                BEGIN
                  {{require_support}}
                  {{remember}}
                  {{execute}}
                EXCEPTION WHEN feature_not_supported THEN
                  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                                          detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                  RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = detail,
                    HINT = concat_ws(E'\\n', nullif(hint, ''), {{mend}});
                END
                """,
                create=dollar_quoted(create),
                require_support=require_support(key, run, emulated=self._emulated(query, key, run)),
                remember=undo.remember(key, _NOW),
                execute=executed("query", self.subject, run),
                mend=_MEND,
            )
        ]

    def _emulated(self, query: str, key: Key, run: Run) -> str:
        if run.on_unsupported is not OnUnsupported.EMULATE:
            return ""  # the query need not be taken apart
        return assemble(
            """
            {{create}}
            {{remember}}
            {{told}}
            """,
            create=aggregate.create(
                self.table, key, query, take_apart(query), materialized_only=self.materialized_only
            ),
            remember=undo.remember(key, f"{_NOW} || '{{\"emulated\": true}}'"),
            told=emulate.told(key, "emulated", "as a table that tsmigrate policies run refreshes"),
        )

    def reverse(self) -> DropContinuousAggregate:
        return DropContinuousAggregate(self.table, self.schema)


_NOW = "jsonb_build_object('at', clock_timestamp())"

_MEND = """\
CASE WHEN message LIKE '%must include a valid time bucket%'
       THEN 'group by time_bucket(''1 hour'', the partition column); date_trunc and time_bucket_gapfill do not serve'
     WHEN message LIKE '%multiple time bucket%'
       THEN 'keep one time_bucket; build the wider buckets as a second aggregate over this one'
     WHEN detail LIKE 'CTEs and subqueries%' OR detail LIKE 'Sub-queries%'
       THEN 'join in the FROM clause of the query itself, or select from a second aggregate over a first'
     WHEN detail LIKE 'DISTINCT / DISTINCT ON%' THEN 'name the columns in GROUP BY instead'
     WHEN detail LIKE 'Window function%' THEN 'use the window function where the aggregate is read'
     WHEN detail LIKE '%INNER or LEFT joins%'
       THEN 'it is a RIGHT or FULL join: turn it round, so that the hypertable stands to the left'
     WHEN detail LIKE 'Only one hypertable%' THEN 'aggregate each hypertable by itself and join where they are read'
     WHEN detail LIKE 'At least one hypertable%' THEN 'convert the table first: op.create_hypertable'
END"""


@operation
@dataclass(frozen=True)
class DropContinuousAggregate(TableOperation):
    """Drop a continuous aggregate: in a downgrade what `create_continuous_aggregate` made, in an upgrade any.

    It is refused where the rows below can no longer give its buckets back, because retention dropped them. With
    `tsmigrate.allow_data_loss` true its rows are first copied into a table in the schema `tsmigrate_archive`, which
    stays there; the log names it.

    In an upgrade it remembers the query and the options, the indexes, policies, columnstore settings, grants, owner and
    comments for `op.restore_continuous_aggregate`.
    """

    name = DROP

    @classmethod
    def drop_continuous_aggregate(
        cls, operations: Operations, name: str, *, schema: str | None = None, on_unsupported: str | None = None
    ) -> None:
        """Drop a continuous aggregate whose buckets can be made again."""
        operations.invoke(cls(name, schema, on_unsupported=on_unsupported))

    def statements(self, run: Run) -> Sequence[str]:
        created, dropped = self.undo_key(run, CREATE), self.undo_key(run, DROP)
        return [
            do_block(
                """
                DECLARE
                  facts record;
                  lost record;
                  archive text;
                  was_created jsonb;
                  remembered jsonb;
                  detail text;
                BEGIN
                  {{recall}}
                  {{taken_back}}
                  IF was_created IS NULL THEN
                    {{require_support}}
                  END IF;
                  {{find}}
                  {{find_lost}}
                  IF lost.whole + lost.partly > 0 THEN
                    {{destroy}}
                  END IF;
                  IF was_created IS NULL THEN
                    {{capture}}
                    {{remember}}
                  END IF;
                  {{drop}}
                EXCEPTION WHEN dependent_objects_still_exist THEN
                  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
                  {{needed}}
                END
                """,
                recall=undo.recall(created, "was_created"),
                taken_back=taken_back("was_created", created, run, self._emulated(run)),
                require_support=require_support(dropped, run, emulated=self._emulated(run, dropped)),
                find=find_aggregate(self.subject),
                find_lost=find_lost_buckets(
                    self.subject, created_at="(was_created ->> 'at')::timestamptz", changes_are_lost=True
                ),
                destroy=archive_or_refuse(self.subject, run),
                capture=CAPTURE,
                remember=undo.remember(dropped, "remembered"),
                drop=executed(literal(f"DROP MATERIALIZED VIEW {self.subject}"), self.subject, run),
                needed=refuse(
                    f"format(E'%s cannot be dropped:\\n%s', {literal(self.subject)}, detail)",
                    "drop what depends on it first, aggregates with op.drop_continuous_aggregate",
                ),
            )
        ]

    def _emulated(self, run: Run, dropped: Key | None = None) -> str:
        """`dropped`: where to remember what it takes to make it again, if that is asked for."""
        return assemble(
            """
            {{find}}
            {{find_lost}}
            IF lost.whole + lost.partly > 0 THEN
              {{destroy}}
            END IF;
            {{remember}}
            {{drop}}
            {{take_away}}
            """,
            find=emulate.begin(find_aggregate(self.subject)),
            find_lost=FIND_LOST,
            destroy=archive_or_refuse(self.subject, run),
            remember=f"{GIVEN}\n{CAPTURE_EMULATED}\n{undo.remember(dropped, 'remembered')}" if dropped else "",
            drop=executed(literal(f"DROP VIEW {self.subject}"), self.subject, run),
            take_away=TAKE_AWAY,
        )

    def reverse(self) -> RestoreContinuousAggregate:
        return RestoreContinuousAggregate(self.table, self.schema)


def archive_or_refuse(subject: str, run: Run) -> str:
    """What becomes of an aggregate whose buckets, found in `lost`, cannot be made again."""
    if not run.allow_data_loss:
        return refuse(
            told_lost(subject),
            "keep the aggregate; or set tsmigrate.allow_data_loss = true (-x or alembic.ini): its rows are then "
            "copied to the schema tsmigrate_archive first",
        )
    return assemble(
        _ARCHIVE,
        described=literal(f"Rows of the continuous aggregate {subject}, which revision {run.revision} dropped"),
        tell=tell(
            f"format('%s held %s buckets that cannot be made again; its rows are kept in %s', "
            f"{literal(subject)}, lost.whole + lost.partly, archive)",
            "WARNING",
        ),
    )


# A name of 63 bytes at most that nothing in the archive has.
_ARCHIVE = """\
CREATE SCHEMA IF NOT EXISTS tsmigrate_archive;
FOR number IN 1..1000000 LOOP
  archive := facts.name;
  WHILE octet_length(archive) > 62 - length(number::text) LOOP
    archive := left(archive, -1);
  END LOOP;
  archive := format('tsmigrate_archive.%I', archive || '_' || number);
  EXIT WHEN to_regclass(archive) IS NULL AND to_regtype(archive) IS NULL;
END LOOP;
EXECUTE format('CREATE TABLE %s AS SELECT * FROM %I.%I', archive, facts.holder_schema, facts.holder_name);
EXECUTE format('COMMENT ON TABLE %s IS %L', archive, {{described}});
{{tell}}"""


_RESTORE_EMULATED = f"""\
{RESTORE_EMULATED}
view := format('%I.%I', remembered ->> 'schema', remembered ->> 'name');
{give("VIEW")}"""


@operation
@dataclass(frozen=True)
class RestoreContinuousAggregate(TableOperation):
    """Take a `drop_continuous_aggregate` of an upgrade back: the aggregate as it was, without its data.

    Its query, options, indexes, policies, columnstore settings, grants, owner and comments are as before. Its rows come
    with the next refresh; those that were archived stay in `tsmigrate_archive`.
    """

    name = "restore_continuous_aggregate"

    @classmethod
    def restore_continuous_aggregate(cls, operations: Operations, name: str, *, schema: str | None = None) -> None:
        """Create the continuous aggregate again that this revision's upgrade dropped."""
        operations.invoke(cls(name, schema))

    def statements(self, run: Run) -> Sequence[str]:
        key = self.undo_key(run, DROP)
        return [
            do_block(
                """
                DECLARE
                  remembered jsonb;
                  view text;
                  part record;
                BEGIN
                  {{recall}}
                  {{insist}}
                  {{taken_back}}
                  {{restore}}
                END
                """,
                recall=undo.recall(key, "remembered"),
                insist=undo.insist("remembered", key),
                taken_back=taken_back("remembered", key, run, _RESTORE_EMULATED),
                restore=RESTORE,
            )
        ]

    def reverse(self) -> DropContinuousAggregate:
        return DropContinuousAggregate(self.table, self.schema)
