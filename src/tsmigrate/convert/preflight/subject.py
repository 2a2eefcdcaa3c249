"""The table that is looked at, and how a check asks about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.capability import Server
from tsmigrate.catalog.relation import Relation
from tsmigrate.connect import sqlstate
from tsmigrate.convert.blocks import name, piece
from tsmigrate.convert.estimate import Outlook
from tsmigrate.convert.words import size
from tsmigrate.sql import identifier, literal, raw

USUAL_INTERVAL = "7 days"
"""TimescaleDB's own choice, for when none is named."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What would be converted, as `op.create_hypertable` is told it."""

    table: Relation | str  # a plain string is a name that the search_path finds
    column: str
    interval: str | int | None = None
    fast: bool = False  # read no rows


@dataclass(frozen=True)
class Sizes:
    """Bytes, of the table with its TOAST and of all its indexes."""

    table: int
    indexes: int


@dataclass(frozen=True)
class Rows:
    """What is known of the rows. None: it is not known."""

    counted: int | None = None
    exact: bool = False
    missing: int | None = None  # without time
    infinite: int | None = None
    earliest: str | None = None  # finite, as PostgreSQL writes it
    latest: str | None = None
    chunks: int | None = None
    chunks_exact: bool = False
    far: Far | None = None
    source: str = ""  # how they were looked at
    mend: str = ""  # what would make that cheaper, or better


@dataclass(frozen=True)
class Far:
    """Rows that lie so far from all others that they cost chunks of their own."""

    rows: int
    chunks: int
    begin: str  # of the others
    end: str


@dataclass(frozen=True)
class Scan:
    what: str
    seconds: float


@dataclass(frozen=True)
class Subject:
    connection: Connection
    request: Request
    server: Server
    oid: int | None
    name: str  # as this session's search_path writes it
    rows_from: str  # its rows in FROM: not those of tables that inherit from it, but those of its partitions
    wanted_length: Any  # the interval in seconds, or in the column's unit
    already_on: str | None  # the partition column, where the table is a hypertable
    hypertables: Sequence[int]  # all there are
    may_scan: bool
    unreadable: str  # what would let the rows be read
    sizes: Sizes
    progress: Progress
    rows: Rows = field(default_factory=Rows)
    outlook: Outlook | None = None  # None: there is nothing to convert, or it cannot be looked at
    scans: list[Scan] = field(default_factory=list)

    def ask(self, query: str) -> Sequence[tuple[str, str, str]]:
        """What the query of a check sees: see `check`."""
        rows = self._rows(f"(\n{query}\n) AS found (seen, why, mend) ORDER BY seen")
        return [(seen, why or "", mend or "") for seen, why, mend in rows]

    def rows_of(self, query: str) -> Sequence[Any]:
        """The rows of any other query, for which the names are the same."""
        return self._rows(f"(\n{query}\n) AS found")

    def _rows(self, query: str) -> Sequence[Any]:
        statement = f"SELECT found.* FROM ({self._asked()}) AS asked CROSS JOIN LATERAL ({piece('facts')}) AS facts\n"
        return self.connection.execute(raw(f"{statement}CROSS JOIN LATERAL {query}")).all()

    def scan(self, query: str, what: str, *, whole: bool = True) -> Sequence[Any]:
        """The rows of a query that reads the whole table or goes by an index; remembered with the time that it took."""
        self.progress(f"reading {size(self.sizes.table)} for {what}" if whole else f"looking for {what}")
        begun = monotonic()
        rows = self.connection.execute(raw(query)).all()
        self.scans.append(Scan(what, monotonic() - begun))
        return rows

    def _asked(self) -> str:
        """What the DO block has as variables."""
        interval, rows = self.request.interval, self.rows
        values = {
            "table_name": _text(name(self.request.table)),
            "target": f"{'NULL' if self.oid is None else self.oid}::oid::regclass",
            "time_column": f"{literal(self.request.column)}::name",
            "wanted_interval": _text(None if interval is None else str(interval)),
            "is_integer_interval": str(isinstance(interval, int)).lower(),
            "wanted_length": f"{_number(self.wanted_length)}::numeric",
            "already_on": f"{_text(self.already_on)}::name",
            "hypertables": f"ARRAY[{', '.join(map(str, self.hypertables))}]::oid[]",
            "hash_column": "NULL::name",
            "hash_partitions": "NULL::int",
            "now_function": "NULL::text",
            "migrate": "true",
            "counted": f"{_number(rows.counted)}::bigint",
            "missing": f"{_number(rows.missing)}::bigint",
            "infinite": f"{_number(rows.infinite)}::bigint",
            "expected_chunks": f"{_number(rows.chunks)}::bigint",
        }
        return "SELECT " + ", ".join(f"{value} AS {column}" for column, value in values.items())


def _text(value: str | None) -> str:
    return "NULL::text" if value is None else f"{literal(value)}::text"


def _number(value: Any) -> str:
    return "NULL" if value is None else str(value)


def find(connection: Connection, request: Request, server: Server, progress: Progress) -> Subject:
    """The table of that name, if there is one, and what of it can be looked at."""
    identifier(request.column)
    oid = _oid(connection, request.table)
    known = connection.execute(_KNOWN, {"oid": oid, "column": request.column}).one()
    if request.interval is None and not known.counted_time:
        request = replace(request, interval=USUAL_INTERVAL)
    already_on, hypertables = _hypertables(connection, server, oid)
    readable = known.readable and not known.filtered
    return Subject(
        connection=connection,
        request=request,
        server=server,
        oid=oid,
        name=known.name or name(request.table),
        rows_from=f"{'' if known.partitioned else 'ONLY '}{known.name or name(request.table)}",
        wanted_length=_length(connection, request.interval),
        already_on=already_on,
        hypertables=hypertables,
        may_scan=bool(readable and not request.fast),
        unreadable="Run it as the owner: row security hides rows from this role."
        if known.filtered
        else f"GRANT SELECT ON {known.name} TO {identifier(server.role.name)}, and USAGE of its schema",
        sizes=Sizes(known.table_bytes or 0, known.index_bytes or 0),
        progress=progress,
    )


# Found in the catalogs: to_regclass would be an error where the schema may not be used.
_OID = text("""
SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) = (:schema, :name)
""")
_VISIBLE = text("SELECT to_regclass(:name)::oid")
_KNOWN = text("""
SELECT c.oid::regclass::text AS name,
       has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = table_oid AND a.attname = CAST(:column AS text)
               AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)) AS counted_time,
       row_security_active(c.oid) AS filtered,
       coalesce(c.relkind = 'p', false) AS partitioned,
       storage.table_bytes, storage.index_bytes
FROM (SELECT CAST(:oid AS oid)) AS wanted (table_oid)
LEFT JOIN pg_class c ON c.oid = table_oid AND c.relkind IN ('r', 'p')
CROSS JOIN LATERAL (
  SELECT sum(pg_table_size(relid))::bigint, sum(pg_indexes_size(relid))::bigint
  FROM (SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf) AS leaves (relid)
) AS storage (table_bytes, index_bytes)
""")


def _oid(connection: Connection, table: Relation | str) -> int | None:
    if isinstance(table, Relation):
        name(table)  # refuses what PostgreSQL would cut off
        return connection.execute(_OID, {"schema": table.schema, "name": table.name}).scalar_one_or_none()
    return connection.execute(_VISIBLE, {"name": name(table)}).scalar_one_or_none()


def _length(connection: Connection, interval: str | int | None) -> Any:
    if interval is None:
        return None
    given = f"SELECT {literal(str(interval))} AS wanted_interval, {isinstance(interval, int)} AS is_integer_interval"
    query = f"SELECT length FROM ({given}) AS asked, LATERAL ({piece('interval_length')}) AS read (length)"
    try:
        with connection.begin_nested():
            return connection.execute(raw(query)).scalar_one()
    except DBAPIError as error:
        if sqlstate(error).startswith("22"):
            return None  # it is no interval
        raise


def _hypertables(connection: Connection, server: Server, oid: int | None) -> tuple[str | None, Sequence[int]]:
    # The view calls TimescaleDB's library, which ends the connection when it is not preloaded.
    if not server.timescale.usable:
        return None, ()
    query = piece("hypertables").replace("$1", f"{oid or 0}::oid")
    found = connection.execute(raw(query)).one()
    return found.already_on, found.hypertables or ()
