"""How many rows, from when to when, and how many chunks they make: by an index, one scan, or statistics alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import floor
from typing import Any

from tsmigrate.convert.preflight.subject import Far, Rows, Subject
from tsmigrate.sql import identifier, literal

SMALL_TABLE = 8 * 1024 * 1024  # bytes: to read it once is as cheap as to go by its index
MOST_CHUNKS = 100_000  # looked at one by one
FAR = 10  # chunks without a row, at least, between a row and the others that it lies far from
FEW = 0.05  # of all rows, or chunks, at most: more are not stray


def look(subject: Subject) -> Rows:
    """What can be known of the rows with the rights, the index and the time there are."""
    known = next(iter(subject.rows_of(_COLUMN)), None)
    if known is None:
        return Rows()
    estimated = _estimated(known)
    if not subject.may_scan or not known.is_time:
        return _from_statistics(subject, known, estimated)
    if known.index and subject.sizes.table > SMALL_TABLE:
        return _by_index(subject, known, estimated)
    return _by_scan(subject, known)


_COLUMN = """
SELECT facts.is_time, facts.type, facts.time_is_finite AS finite, facts.time_as_number AS number, facts.time_type,
       facts.attnotnull AS required, storage.*,
       current_setting('block_size')::int AS page,
       (SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_am m ON m.oid = x.relam
        WHERE i.indrelid = c.oid AND i.indkey[0] = facts.attnum AND i.indisvalid AND i.indpred IS NULL
          AND m.amname = 'btree'
        ORDER BY x.relpages LIMIT 1) AS index
FROM pg_class c CROSS JOIN LATERAL (
  SELECT CASE WHEN bool_and(reltuples >= 0) THEN sum(reltuples)::float8 ELSE -1 END AS reltuples,
         sum(relpages)::bigint AS relpages, sum(pg_relation_size(oid))::bigint AS bytes
  FROM pg_class
  WHERE oid = c.oid AND c.relkind = 'r' OR oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)
) AS storage
WHERE c.oid = target AND c.relkind IN ('r', 'p') AND facts.attnum IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_partition_tree(target) t JOIN pg_class p ON p.oid = t.relid AND p.relkind = 'f')
"""


def _estimated(known: Any) -> int | None:
    """As the planner does it: the rows of a page when it was last analyzed, for each page of today."""
    if not known.bytes:
        return 0
    if known.reltuples < 0 or not known.relpages:
        return None
    estimated = round(known.reltuples / known.relpages * (known.bytes / known.page))
    return max(1, int(estimated))


def _from_statistics(subject: Subject, known: Any, counted: int | None) -> Rows:
    """From what ANALYZE left; only of columns that the role may read."""
    if counted is None and known.bytes:
        return Rows(source="the table was never analyzed", mend=f"ANALYZE {subject.name}")
    column = literal(subject.request.column)
    bounds: Sequence[Any] = ()
    if known.is_time and counted:
        kind = f"{known.type}[]"
        bounds = subject.rows_of(f"""
            SELECT moment::text, {known.number % "moment"} AS number
            FROM pg_stats s JOIN pg_class c ON c.relname = s.tablename
            JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname
            CROSS JOIN LATERAL unnest(s.histogram_bounds::text::{kind} || s.most_common_vals::text::{kind}) AS moment
            WHERE c.oid = target AND s.attname = {column} AND s.inherited = (facts.relkind = 'p')
              AND {"true" if known.finite == "true" else "isfinite(moment)"}
            ORDER BY 2
        """)
    return Rows(
        counted=counted,
        earliest=bounds[0].moment if bounds else None,
        latest=bounds[-1].moment if bounds else None,
        chunks=_chunks_between([row.number for row in bounds], subject.wanted_length, counted or 0),
        source="the statistics that ANALYZE left",
        mend="" if bounds or not counted else f"ANALYZE {subject.name}",
    )


def _chunks_between(bounds: Sequence[Decimal], length: Decimal | None, counted: int) -> int | None:
    """Each step between two bounds holds as many rows as any other, and no more chunks than rows."""
    if not counted:
        return 0
    if not bounds or not length or length <= 0:
        return None
    share = max(1, counted // max(1, len(bounds) - 1))
    steps = (floor(after / length) - floor(before / length) for before, after in pairwise(bounds))
    return min(counted, 1 + sum(min(step, share) for step in steps))


def _by_index(subject: Subject, known: Any, counted: int | None) -> Rows:
    """By an index that begins with the column: a probe a chunk, whatever the number of rows."""
    column, table = identifier(subject.request.column), subject.rows_from
    missing = infinite = 0
    if not known.required:
        missing = subject.scan(
            f"SELECT count(*) FROM {table} WHERE {column} IS NULL", "rows without time", whole=False
        )[0][0]
    finite = ""
    if known.finite != "true":
        infinite = subject.scan(
            f"SELECT count(*) FROM {table} WHERE {column} IN ('infinity', '-infinity')",
            "infinite times",
            whole=False,
        )[0][0]
        finite = f"WHERE {column} > '-infinity' AND {column} < 'infinity'"
    first, last, low, high = subject.scan(
        f"SELECT first::text, last::text, {known.number % 'first'}, {known.number % 'last'} "
        f"FROM (SELECT min({column}) AS first, max({column}) AS last FROM {table} {finite}) AS ends",
        "the first and the last row",
        whole=False,
    )[0]
    starts = _probe(subject, known, low, high)
    return Rows(
        counted=counted,
        missing=missing,
        infinite=infinite,
        earliest=first,
        latest=last,
        chunks=None if starts is None else len(starts),
        chunks_exact=starts is not None and len(starts) < MOST_CHUNKS,
        far=_far(subject, known, [(start, None) for start in starts or ()]),
        source=f"the index {known.index}",
    )


def _probe(subject: Subject, known: Any, low: Decimal | None, high: Decimal | None) -> list[int] | None:
    """The chunks that hold a row, found one after the other: from the end of each, the index leads to the next."""
    length = subject.wanted_length
    if not _divides(known, length):
        return None
    if low is None or high is None:
        return []
    column = identifier(subject.request.column)
    query = f"""
        WITH RECURSIVE starts (chunk) AS (
          SELECT {floor(low / length)}::numeric
          UNION ALL
          SELECT (SELECT floor({known.number % column} / {length}) FROM {subject.rows_from}
                  WHERE {column} >= {_moment(known, "(chunk + 1)", length)} ORDER BY {column} LIMIT 1)
          FROM starts WHERE chunk < {floor(high / length)}
        )
        SELECT chunk FROM starts LIMIT {MOST_CHUNKS}
    """
    return [int(row.chunk) for row in subject.scan(query, "the chunks that will be", whole=False)]


def _divides(known: Any, length: Decimal | None) -> bool:
    """Whether the interval is one for this column; what it is otherwise, the checks of the interval tell."""
    if not length or length <= 0:
        return False
    return not (known.time_type == "date" and length % 86400)


def _moment(known: Any, chunk: str, length: Decimal) -> str:
    """The column's value at which that chunk begins; exact, as a product of an interval would not be."""
    number = f"({chunk} * {length})"
    if known.time_type.startswith("int"):
        return f"{number}::bigint"
    days = f"floor({number} / 86400)::int"
    if known.time_type == "date":
        return f"(date '1970-01-01' + {days})"
    seconds = f"({number} - floor({number} / 86400) * 86400)::float8"
    moment = f"(timestamp '1970-01-01' + make_interval(days => {days}, secs => {seconds}))"
    return f"({moment} AT TIME ZONE 'UTC')" if known.time_type == "timestamptz" else moment


def _by_scan(subject: Subject, known: Any) -> Rows:
    """By reading the table once."""
    column, length = identifier(subject.request.column), subject.wanted_length
    chunk = f"floor({known.number % column} / {length})" if _divides(known, length) else "0"
    rows = subject.scan(
        f"""
        SELECT chunk, rows, is_finite, (sum(rows) OVER ())::bigint AS counted,
               (coalesce(sum(rows) FILTER (WHERE is_finite IS NULL) OVER (), 0))::bigint AS missing,
               (coalesce(sum(rows) FILTER (WHERE NOT is_finite) OVER (), 0))::bigint AS infinite,
               count(*) FILTER (WHERE is_finite) OVER () AS chunks,
               (min(first) FILTER (WHERE is_finite) OVER ())::text AS earliest,
               (max(last) FILTER (WHERE is_finite) OVER ())::text AS latest
        FROM (SELECT CASE WHEN {known.finite} THEN {chunk} END AS chunk,
                     CASE WHEN {column} IS NOT NULL THEN {known.finite} END AS is_finite,
                     count(*) AS rows, min({column}) AS first, max({column}) AS last
              FROM {subject.rows_from} GROUP BY 1, 2) AS chunks
        ORDER BY chunk LIMIT {MOST_CHUNKS}
        """,
        "rows without time, the first and the last row, and the chunks that will be",
    )
    if not rows:
        return Rows(counted=0, exact=True, missing=0, infinite=0, chunks=0, chunks_exact=True, source="a look at it")
    total = rows[0]
    return Rows(
        counted=total.counted,
        exact=True,
        missing=total.missing,
        infinite=total.infinite,
        earliest=total.earliest,
        latest=total.latest,
        chunks=total.chunks if _divides(known, length) else None,
        chunks_exact=True,
        far=_far(subject, known, [(int(row.chunk), row.rows) for row in rows if row.is_finite]),
        source="one scan of the table",
        mend=f"an index that begins with {column} spares the scan",
    )


def _far(subject: Subject, known: Any, chunks: Sequence[tuple[int, int | None]]) -> Far | None:
    """The few rows that lie far from the others: `chunks` are numbers in order, with their rows where counted."""
    if len(chunks) < 2 or not _divides(known, subject.wanted_length):
        return None
    low, high = _bulk(chunks)
    outside = [rows for chunk, rows in chunks if not low <= chunk <= high]
    every = [rows for _, rows in chunks]
    begin, end = subject.rows_of(
        f"SELECT {_moment(known, str(low), subject.wanted_length)}::text, "
        f"{_moment(known, str(high + 1), subject.wanted_length)}::text"
    )[0]
    if not outside:
        return None
    if None in every:
        if len(outside) > max(1, FEW * len(chunks)):
            return None
        column = identifier(subject.request.column)
        rows = subject.scan(
            f"SELECT count(*) FROM {subject.rows_from} "
            f"WHERE ({column} < {literal(begin)} OR {column} >= {literal(end)})"
            + ("" if known.finite == "true" else f" AND isfinite({column})"),
            "rows far from the others",
            whole=False,
        )[0][0]
        return Far(rows, len(outside), begin, end)
    counted = sum(rows or 0 for rows in outside)
    if counted > max(1, FEW * sum(rows or 0 for rows in every)):
        return None
    return Far(counted, len(outside), begin, end)


def _bulk(chunks: Sequence[tuple[int, int | None]]) -> tuple[int, int]:
    """The first and the last of those that lie together, and of what is not far from them by their own length."""
    runs: list[list[tuple[int, int | None]]] = [[chunks[0]]]
    for before, after in pairwise(chunks):
        if after[0] - before[0] > FAR:
            runs.append([])
        runs[-1].append(after)
    bulk = max(runs, key=lambda run: sum(rows or 1 for _, rows in run))
    low, high = bulk[0][0], bulk[-1][0]
    grown = True
    while grown:
        near = max(FAR, high - low)
        wider = [chunk for chunk, _ in chunks if low - near <= chunk <= high + near]
        grown = (wider[0], wider[-1]) != (low, high)
        low, high = wider[0], wider[-1]
    return low, high
