"""How much smaller the columnstore would make a table: some of its rows, neighbours in time, compressed in a sandbox.

Rows that follow each other resemble each other, and a chunk holds such rows: a random sample compresses worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.advise.advice import Advice
from tsmigrate.advise.judge.columnstore import Columnstore
from tsmigrate.advise.names import shown
from tsmigrate.capability import Edition
from tsmigrate.connect import reason_given
from tsmigrate.finding import Finding, Severity
from tsmigrate.sandbox import engines
from tsmigrate.schema import layout
from tsmigrate.sql import identifier, literal, qualified, raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify import scratch
from tsmigrate.verify.rehearsal import engine, schema_copy, source, tables
from tsmigrate.verify.rehearsal.sample import Sample, prepare
from tsmigrate.verify.rehearsal.source import MOST_BYTES, Source
from tsmigrate.verify.rehearsal.tables import Table

ROWS = 50_000  # at most
FEW = 1_000  # below which nothing can be said
_BEGIN = 75  # percent of the blocks that lie before the sample, where no index finds it
_IN_ORDER = 0.9  # correlation of time with the order on disk
_SCHEMA = "tsmigrate_probe"
_WIDE = {"int2": "16384", "int4": "1073741824", "int8": "4611686018427387904"}


@dataclass(frozen=True)
class Saving:
    """What became of a sample. Bytes are with indexes, before and in the columnstore."""

    rows: int
    plain: int
    compressed: int
    found_by: str  # how the rows were found

    @property
    def ratio(self) -> float:
        return self.plain / self.compressed

    @property
    def share(self) -> float:
        return 1 - self.compressed / self.plain


@dataclass(frozen=True)
class Savings:
    of_table: Mapping[int, Saving]
    findings: Mapping[int, tuple[Finding, ...]]  # why a table has none
    server: tuple[Finding, ...]  # why there are none at all


def savings(database: DatabaseUrl, advices: Sequence[Advice], progress: Callable[[str, float | None], None]) -> Savings:
    wanted = [advice for advice in advices if advice.plan and not advice.plan.columnstore.refused]
    if not wanted:
        return Savings({}, {}, ())
    if not any(each.edition is Edition.COMMUNITY for each in engines.found()):
        return Savings({}, {}, (_no_engine(),))
    with source.opened(database) as opened:
        fitting = engine.fitting(opened.server, Edition.COMMUNITY)
        with scratch.in_sandbox(Edition.COMMUNITY, progress, kind="probe", pg_bin=fitting) as made:
            schema_copy.copy(opened, made.database, progress)
            return _measured(opened, made.database, wanted, progress)


def _no_engine() -> Finding:
    return Finding(
        "probe",
        Severity.NOTE,
        "no saving was estimated: rows are compressed in a sandbox of the Community edition, and there is no engine of "
        "it here",
        mend=engines.WAYS_TO_GET_ONE,
    )


class _NotMeasuredError(Exception):
    """Why a table has no estimate."""


def _measured(
    opened: Source, database: DatabaseUrl, advices: Sequence[Advice], progress: Callable[[str, float | None], None]
) -> Savings:
    found: dict[int, Saving] = {}
    missing: dict[int, tuple[Finding, ...]] = {}
    readable = {table.relation: table for table in tables.readable(opened.connection)}
    with connect.connection(database) as fresh:  # the first statement of its session, as TimescaleDB wants it
        fresh.execute(raw("CREATE EXTENSION IF NOT EXISTS timescaledb"))
        fresh.commit()
    with connect.connection(database) as target:
        prepare(target)
        target.execute(raw(f"CREATE SCHEMA {_SCHEMA}"))
        target.commit()
        for number, advice in enumerate(advices):
            progress(f"compressing a sample of {shown(advice.table.relation)}", number / len(advices))
            try:
                table = readable.get(advice.table.relation)
                if table is None:
                    raise _NotMeasuredError("this role may not read it")
                found[advice.table.oid] = _of_table(opened, target, advice, table)
            except _NotMeasuredError as reason:
                missing[advice.table.oid] = (_unknown(str(reason)),)
            except DBAPIError as error:
                said = reason_given(error)
                missing[advice.table.oid] = (_unknown(said),)
            target.rollback()
    return Savings(found, missing, ())


def _unknown(reason: str) -> Finding:
    return Finding("probe", Severity.NOTE, f"no saving could be estimated: {reason}")


def _of_table(opened: Source, target: Connection, advice: Advice, table: Table) -> Saving:
    rest, found_by = _neighbours(advice, table)
    sample = Sample(opened, target, {table.relation: table})
    sample.add(table, rest, _rows(advice))
    taken = sample.of(table)
    if taken.rows < FEW:
        raise _NotMeasuredError(taken.reason or f"only {taken.rows} rows were found, {found_by}")
    plain = int(target.execute(raw(f"SELECT pg_total_relation_size({literal(str(table.relation))})")).scalar_one())
    return Saving(taken.rows, plain, _compressed(target, advice), found_by)


def _neighbours(advice: Advice, table: Table) -> tuple[str, str]:
    """What follows SELECT, and how that finds them."""
    plan = advice.plan
    assert plan is not None  # noqa: S101 - the caller has chosen those with a plan
    column = advice.table.column(plan.column)
    if plan.comes_from or column is None:
        raise _NotMeasuredError(f"it has no column {plan.column} yet")
    if any(index.columns[0] == plan.column and not index.condition for index in advice.table.indexes):
        name = f"t.{identifier(plan.column)}"
        return f"FROM {table.named} WHERE {name} IS NOT NULL ORDER BY {name} DESC", f"by {plan.column}"
    correlation = column.statistics.correlation if column.statistics else None
    if (correlation or 0) >= _IN_ORDER and advice.table.kind == "r":
        block = floor(table.pages * _BEGIN / 100)
        return (
            f"FROM {table.named} WHERE t.ctid >= '({block},1)'",
            "as they lie on disk, in order of time",
        )
    raise _NotMeasuredError(f"no index begins with {plan.column}, and the rows do not lie in its order")


def _rows(advice: Advice) -> int:
    """As many as there may be of rows so wide."""
    wide = (advice.table.heap + advice.table.toast) / max(1, advice.table.known_rows or 1)
    return max(FEW, min(ROWS, int(MOST_BYTES / 2 / max(1.0, wide))))


def _compressed(target: Connection, advice: Advice) -> int:
    """The bytes of the same rows in a columnstore as the plan has it."""
    plan = advice.plan
    assert plan is not None  # noqa: S101 - as above
    original, probe = str(advice.table.relation), qualified("probe", _SCHEMA)
    column = advice.table.column(plan.column)
    # So wide that all rows are in a chunk or two.
    width = _WIDE.get(column.base_type if column else "", "INTERVAL '100 years'")
    by_range = f"by_range({literal(plan.column)}, {width})"
    for statement in _statements(original, probe, by_range, plan.columnstore):
        target.execute(raw(statement))
    size = f"SELECT after_compression_total_bytes FROM hypertable_compression_stats({literal(probe)})"
    found = target.execute(raw(size)).scalar_one_or_none()
    if not found:
        raise _NotMeasuredError("its rows could not be compressed")
    return int(found)


def _statements(original: str, probe: str, by_range: str, store: Columnstore) -> Iterator[str]:
    yield f"CREATE TABLE {probe} (LIKE {original})"
    yield f"SELECT create_hypertable({literal(probe)}, {by_range}, create_default_indexes => false)"
    yield f"INSERT INTO {probe} SELECT * FROM {original}"
    segments = ", ".join(map(identifier, store.segmentby))
    order = ", ".join(map(str, layout.parse("the probe", store.segmentby, store.orderby)))
    settings = f"timescaledb.compress, timescaledb.compress_orderby = {literal(order)}"
    if segments:
        settings += f", timescaledb.compress_segmentby = {literal(segments)}"
    yield f"ALTER TABLE {probe} SET ({settings})"
    yield f"SELECT compress_chunk(chunk) FROM show_chunks({literal(probe)}) AS chunk"
