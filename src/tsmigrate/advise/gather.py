"""Fills the evidence: a fixed number of queries for all tables together, each under a timeout, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability
from tsmigrate.advise.evidence import (
    TICKS,
    TIME_TYPES,
    WHOLE_NUMBERS,
    Column,
    Evidence,
    ForeignKey,
    Hypertable,
    Index,
    Statistics,
    Table,
    Trigger,
    Writes,
)
from tsmigrate.advise.statements import read_statements, uses
from tsmigrate.catalog.relation import Relation
from tsmigrate.connect import reason_given
from tsmigrate.errors import BlockedError
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal, raw

LOCK_TIMEOUT = "500ms"
STATEMENT_TIMEOUT = "10s"
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": STATEMENT_TIMEOUT,
    # Compiling a query over the catalogs takes longer than the query.
    "jit": "off",
}
# A whole number is taken for time by its name and its values together: either alone fits many that are not.
_TIME_NAMES = r"(^|_)(at|on|ts|ms|us|time|timestamp|date|epoch|created|occurred|received|recorded)(_|$)|time$"
_EARLIEST, _LATEST = 946_684_800, 4_102_444_800  # the years 2000 and 2100, in seconds since 1970
_CLOCK = """
SELECT now() AS now, (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS counters_since
"""


def gather(connection: Connection, progress: Callable[[str], None]) -> Evidence:
    """All that the catalogs and the statistics tell of the user's tables. The transaction is made read-only."""
    server = capability.ask(connection)
    connection.execute(raw("SET TRANSACTION READ ONLY"))
    for setting, value in _SETTINGS.items():
        connection.execute(raw(f"SET LOCAL {setting} = {literal(value)}"))
    try:
        return _gathered(connection, server, progress)
    except DBAPIError as error:
        says = reason_given(error)
        raise BlockedError(
            f"the catalogs of {server.database} could not be read: {says}",
            mend="try again when nobody holds a table or a catalog exclusively (pg_locks, pg_blocking_pids)",
        ) from error


def _gathered(connection: Connection, server: capability.Server, progress: Callable[[str], None]) -> Evidence:
    progress("reading the catalogs")
    # The views call TimescaleDB's library, which ends the connection when it is not preloaded.
    hypertables = _asked(connection, "hypertables") if server.timescale.usable else []
    # Asking for sizes and definitions locks a table for a moment, as a reader does: it would wait for whoever holds it.
    held = _asked(connection, "held")
    rows = _asked(
        connection,
        "tables",
        hypertables=_oids(row.oid for row in hypertables),
        held=_oids(row.oid for row in held),
    )
    listed = _oids(row.oid for row in rows)
    progress("reading the statistics")
    columns = _each(
        _asked(
            connection,
            "columns",
            tables=listed,
            hypertables=_oids(row.oid for row in hypertables),
            time_types=f"ARRAY[{', '.join(map(literal, TIME_TYPES))}]::name[]",
            whole_numbers=f"ARRAY[{', '.join(map(literal, WHOLE_NUMBERS))}]::name[]",
            time_names=literal(_TIME_NAMES),
            earliest=str(_EARLIEST),
        ),
        _column,
    )
    indexes = _each(_asked(connection, "indexes", tables=listed), _index)
    triggers = _each(_asked(connection, "triggers", tables=listed), _trigger)
    keys = tuple(_foreign_key(row) for row in _asked(connection, "foreign_keys", tables=listed))
    tables = {row.oid: _table(row, columns[row.oid], indexes[row.oid], triggers[row.oid]) for row in rows}
    progress("reading pg_stat_statements")
    statements, missing = read_statements(connection)
    clock = connection.execute(raw(_CLOCK)).one()
    return Evidence(
        server=server,
        now=clock.now,
        counters_since=clock.counters_since,
        held=tuple(Relation(row.schema, row.name) for row in held),
        tables=tables,
        foreign_keys=keys,
        hypertables={row.oid: _hypertable(row) for row in hypertables},
        uses=uses(statements, tables.values()),
        statements=len(statements),
        no_statements=missing,
    )


def _asked(connection: Connection, name: str, **parts: str) -> Sequence[Any]:
    query = (files("tsmigrate.advise") / "sql" / f"{name}.sql").read_text()
    return connection.execute(raw(assemble(query, **parts))).all()


def _oids(oids: Iterable[int]) -> str:
    return f"ARRAY[{', '.join(map(str, oids))}]::oid[]"


def _each(rows: Sequence[Any], made: Callable[[Any], Any]) -> defaultdict[int, list[Any]]:
    """By table."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.table].append(made(row))
    return found


def _table(row: Any, columns: Sequence[Column], indexes: Sequence[Index], triggers: Sequence[Trigger]) -> Table:
    return Table(
        oid=row.oid,
        relation=Relation(row.schema, row.name),
        kind=row.kind,
        unlogged=row.unlogged,
        inherits=row.inherits,
        owned=row.owned,
        readable=row.readable,
        row_security=row.row_security,
        toasted=row.toasted,
        rows=row.rows,
        heap=row.heap,
        toast=row.toast,
        index_bytes=row.index_bytes,
        writes=Writes(row.inserted, row.updated, row.deleted),
        analyzed=row.analyzed,
        columns=tuple(columns),
        indexes=tuple(indexes),
        triggers=tuple(triggers),
    )


def _column(row: Any) -> Column:
    unit = _unit(row)
    ticks = TICKS.get(unit, 1)
    statistics = None
    if row.null_frac is not None:
        timed = row.base_type in TIME_TYPES or unit
        common = tuple((moment / ticks, share) for moment, share in row.common or ()) if timed else ()
        bounds = tuple(moment / ticks for moment in row.bounds or ()) if timed else ()
        statistics = Statistics(row.null_frac, row.n_distinct, row.correlation, bounds, common)
    return Column(row.name, row.type, row.base_type, row.required, row.default_value, row.generated, statistics, unit)


def _unit(row: Any) -> str:
    """In which unit all its values lie in this century."""
    if row.base_type not in WHOLE_NUMBERS:
        return ""
    values = [*(row.bounds or ()), *(value for value, _ in row.common or ())]
    if not values:
        return ""
    low, high = min(values), max(values)
    return next((unit for unit, ticks in TICKS.items() if low / ticks >= _EARLIEST and high / ticks < _LATEST), "")


def _index(row: Any) -> Index:
    return Index(
        name=row.name,
        method=row.method,
        columns=tuple(row.columns),
        parts=tuple(row.parts),
        included=tuple(row.included),
        condition=row.condition,
        unique=row.unique,
        primary=row.primary,
        kept=row.kept,
        exclusion=row.exclusion,
        valid=row.valid,
        size=row.size,
        scans=row.scans,
    )


def _trigger(row: Any) -> Trigger:
    return Trigger(row.name, row.function, row.definition)


def _hypertable(row: Any) -> Hypertable:
    return Hypertable(
        column=row.column_name,
        interval=row.interval,
        chunks=row.chunks,
        newest_index_bytes=row.newest_index_bytes,
        seconds=row.seconds,
        newest_seconds=row.newest_seconds,
        columnstore=row.columnstore,
    )


def _foreign_key(row: Any) -> ForeignKey:
    return ForeignKey(row.name, row.child, row.parent, tuple(row.columns), tuple(row.parent_columns), row.action)
