"""Which chunks are too wide, and where they are to be cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert import disk
from tsmigrate.convert.blocks import name
from tsmigrate.convert.preflight.subject import Progress
from tsmigrate.convert.split import reasons
from tsmigrate.errors import UsageError
from tsmigrate.finding import Finding
from tsmigrate.sql import identifier, raw

PARTS = 32
"""A cut takes at least this part of the chunk's rows. Every cut reads the chunk, so that their number must have a
bound: 511 cuts of one interval each took three times as long as 128 cuts of four (1,000,000 rows)."""

MUCH_WIDER = 2  # intervals
TIMES_A_READ = 20
"""What splitting takes, in the time that it took to see how the rows spread (1,000,000 rows)."""


@dataclass(frozen=True)
class Request:
    table: Relation | str  # a plain string is a name that the search_path finds
    interval: str | int | None = None  # None: the hypertable's own
    wide: bool = False  # every chunk that is much wider than the interval, and not just the one that was attached


@dataclass(frozen=True)
class Cut:
    """What one transaction takes off a chunk: the rows from `at` to `end`. Times as TimescaleDB counts them."""

    chunk: str
    start: int  # where the chunk begins afterwards
    at: int
    end: int
    rows: int
    pieces: int  # chunks that the rows become
    is_last: bool
    begins: str  # `at` and `end` for a reader
    ends: str


@dataclass(frozen=True)
class WideChunk:
    name: str  # qualified and quoted
    start: int
    end: int
    begins: str
    ends: str
    rows: int
    bytes: int
    cuts: Sequence[Cut]


@dataclass(frozen=True)
class Plan:
    table: str  # qualified and quoted
    interval: str
    override: str | None  # the interval, where it is not the hypertable's own
    chunks: Sequence[WideChunk]
    others: int  # chunks that are narrow enough, so that a rerun says how far it was
    seconds_to_read: float  # all rows of `chunks`, once
    findings: Sequence[Finding]

    @property
    def cuts(self) -> Sequence[Cut]:
        return [cut for chunk in self.chunks for cut in chunk.cuts]

    @property
    def seconds_expected(self) -> float:
        """From the one thing that was measured here."""
        return self.seconds_to_read * TIMES_A_READ

    @property
    def longest_lock(self) -> float:
        """A cut moves its rows, and reads those that stay."""
        total = max(sum(cut.rows for cut in self.cuts), 1)
        return max((self.seconds_expected * cut.rows / total + self.seconds_to_read for cut in self.cuts), default=0.0)

    @property
    def bytes_needed(self) -> int:
        """The rows that move are written again, and their old place is free only after a chunk's last cut."""
        return sum(chunk.bytes * sum(cut.rows for cut in chunk.cuts) // max(chunk.rows, 1) for chunk in self.chunks)


def plan(connection: Connection, request: Request, progress: Progress = lambda _: None) -> Plan:
    """Look at the chunks and their rows, or say why they cannot be split. Changes nothing."""
    server = capability.ask(connection)
    capability.require(server, "split")
    facts = _hypertable(connection, request.table)
    length, override = _interval(connection, facts, request.interval)
    found = _chunks(connection, facts)
    wide = [chunk for chunk in found if _is_wide(chunk, length, request)]
    findings = reasons.against(facts, wide)
    begun = monotonic()
    chunks = []
    for chunk in () if findings else wide:
        progress(f"reading {chunk.chunk}")
        chunks.append(_with_cuts(connection, facts, chunk, length))
    planned = Plan(
        table=facts.name,
        interval=str(request.interval or facts.interval),
        override=override,
        chunks=chunks,
        others=len(found) - len(wide),
        seconds_to_read=monotonic() - begun,
        findings=findings,
    )
    if not planned.cuts:
        return planned
    room = reasons.room(planned.bytes_needed, disk.of_table(connection, wide[0].oid))
    return replace(planned, findings=[*findings, *room, *reasons.flags(server)])


def _hypertable(connection: Connection, table: Relation | str) -> Any:
    facts = connection.execute(_HYPERTABLE, {"table": name(table)}).one_or_none()
    if facts is None:
        raise UsageError(
            f"there is no table {name(table)}", mend="check the name and its schema; names are case-sensitive"
        )
    return facts


_HYPERTABLE = text("""
SELECT format('%I.%I', n.nspname, c.relname) AS name, n.nspname, c.relname,
       pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner, current_user AS role,
       has_database_privilege(current_database(), 'TEMPORARY') AS may_make_temporary, may_read_undo,
       d.column_name AS time_column, d.column_type::regtype::text AS time_type,
       d.integer_interval IS NOT NULL AS by_number,
       coalesce(d.integer_interval::text, d.time_interval::text) AS interval,
       (SELECT count(*) FROM timescaledb_information.dimensions o
        WHERE (o.hypertable_schema, o.hypertable_name) = (n.nspname, c.relname)) AS dimensions
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(u.oid, 'SELECT') AS may_read_undo
           FROM pg_class u JOIN pg_namespace s ON s.oid = u.relnamespace
           WHERE (s.nspname, u.relname) = ('tsmigrate', 'undo')) AS undo ON true
LEFT JOIN timescaledb_information.dimensions d
  ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, c.relname) AND d.dimension_number = 1
WHERE c.oid = to_regclass(:table)
""")


def _interval(connection: Connection, facts: Any, wanted: str | int | None) -> tuple[int, str | None]:
    """Its length as TimescaleDB counts time; and its text, where it is not the hypertable's own."""
    if facts.time_column is None:
        return 1, None  # it is refused later, with all reasons
    if wanted is not None and isinstance(wanted, int) is not facts.by_number:
        needs = "a whole number" if facts.by_number else "an interval such as '1 day'"
        raise UsageError(
            f"the interval {wanted} does not fit {facts.time_column} of {facts.name}", mend=f"give {needs}"
        )
    asked = str(facts.interval if wanted is None else wanted)
    if facts.by_number:
        length = int(asked)
    else:
        try:
            length = int(connection.execute(_LENGTH, {"interval": asked}).scalar_one())
        except DBAPIError as error:
            raise UsageError(f"{asked!r} is no interval", mend="give one such as '1 day'") from error
    if length <= 0:
        raise UsageError(f"an interval of {asked} is no length of time", mend="give one such as '1 day'")
    return length, None if wanted is None else asked


# A month is 30 days to TimescaleDB.
_LENGTH = text("""
SELECT ((extract(year FROM span) * 12 + extract(month FROM span)) * 30 * 86400 + extract(day FROM span) * 86400
        + extract(hour FROM span) * 3600 + extract(minute FROM span) * 60 + extract(second FROM span)) * 1000000
FROM (SELECT CAST(:interval AS interval)) AS given (span)
""")


def _chunks(connection: Connection, facts: Any) -> Sequence[Any]:
    """All of the hypertable's, the oldest first, and whether each is a table that was attached."""
    if facts.time_column is None or not facts.owned:
        return []
    remembered = connection.execute(_REMEMBERED).scalars().all() if facts.may_read_undo else []
    asked = {"schema": facts.nspname, "table": facts.relname, "remembered": list(remembered)}
    return connection.execute(_CHUNKS, asked).all()


_REMEMBERED = text("SELECT definition ->> 'attached' FROM tsmigrate.undo WHERE definition ? 'attached'")
_CHUNKS = text("""
SELECT chunk, oid, starts, ends, is_compressed, pg_table_size(oid) + pg_indexes_size(oid) AS bytes,
       oid IN (SELECT to_regclass(attached)::oid FROM unnest(CAST(:remembered AS text[])) AS r (attached)
               WHERE to_regclass(attached) IS NOT NULL) AS attached
FROM (SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk, is_compressed,
             format('%I.%I', chunk_schema, chunk_name)::regclass::oid AS oid,
             coalesce(range_start_integer, _timescaledb_functions.time_to_internal(range_start)) AS starts,
             coalesce(range_end_integer, _timescaledb_functions.time_to_internal(range_end)) AS ends
      FROM timescaledb_information.chunks
      WHERE (hypertable_schema, hypertable_name) = (:schema, :table)) AS found
ORDER BY starts, chunk
""")


def _is_wide(chunk: Any, length: int, request: Request) -> bool:
    width = chunk.ends - chunk.starts
    return bool(chunk.attached and width > length) or (request.wide and width >= MUCH_WIDER * length)


def _with_cuts(connection: Connection, facts: Any, chunk: Any, length: int) -> WideChunk:
    """How its rows spread over intervals, and from that the cuts."""
    query = _SPREAD.format(column=identifier(facts.time_column), chunk=chunk.chunk, length=length)
    spread = [(int(slot), rows) for slot, rows in connection.execute(raw(query))]
    lowest = spread[-1][0] if spread else chunk.starts - chunk.starts % length
    bounds = list(_bounds(spread, chunk.ends, lowest + length))
    times = _shown(connection, facts, [chunk.starts, chunk.ends, *(at for at, _, _ in bounds)])
    cuts, end = [], chunk.ends
    for number, (at, rows, pieces) in enumerate(bounds, 1):
        is_last = number == len(bounds)
        start = max(chunk.starts, lowest) if is_last else chunk.starts
        cuts.append(Cut(chunk.chunk, start, at, end, rows, pieces, is_last, times[at], times[end]))
        end = at
    return WideChunk(
        name=chunk.chunk,
        start=chunk.starts,
        end=chunk.ends,
        begins=times[chunk.starts],
        ends=times[chunk.ends],
        rows=sum(rows for _, rows in spread),
        bytes=chunk.bytes,
        cuts=cuts,
    )


# div() truncates: it rounds down for what is moved below zero.
_SPREAD = """
SELECT div(at - CASE WHEN at < 0 THEN {length} - 1 ELSE 0 END, {length}) * {length} AS slot, count(*) AS rows
FROM (SELECT _timescaledb_functions.time_to_internal({column})::numeric AS at FROM {chunk}) AS found
GROUP BY 1 ORDER BY 1 DESC
"""


def _bounds(spread: Sequence[tuple[int, int]], ends: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Where to cut, the newest first: (at, rows, chunks). Intervals without rows make no chunk. `last` is the last."""
    enough = -(-sum(rows for _, rows in spread) // PARTS)
    rows = pieces = 0
    for slot, rows_there in spread[:-1]:
        rows, pieces = rows + rows_there, pieces + 1
        if rows >= enough and slot > last:
            yield slot, rows, pieces
            rows = pieces = 0
    if last < ends:
        yield last, rows, pieces


def _shown(connection: Connection, facts: Any, times: Sequence[int]) -> dict[int, str]:
    """As a reader writes them: TimescaleDB counts all but whole numbers in microseconds."""
    if facts.by_number:
        return {at: str(at) for at in times}
    return dict(zip(times, connection.execute(_SHOWN, {"times": list(times)}).scalars(), strict=True))


_SHOWN = text("""
SELECT regexp_replace((_timescaledb_functions.to_timestamp(at) AT TIME ZONE 'UTC')::text, ' 00:00:00$', '')
FROM unnest(CAST(:times AS bigint[])) WITH ORDINALITY AS t (at, place) ORDER BY place
""")
