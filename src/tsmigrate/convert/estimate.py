"""What a conversion or its way back comes to, before it begins: how long the table is locked, disk, write-ahead log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from tsmigrate.capability import REQUIREMENTS
from tsmigrate.convert.blocks import expanded
from tsmigrate.convert.probe import Ask, Probe, measure
from tsmigrate.convert.words import SHORT, between, size
from tsmigrate.sql import literal
from tsmigrate.undo import Key

WORTH_A_PROBE = 8 * 1024 * 1024  # bytes of rows: less is done in a second or two anyway
PROBE_TIMEOUT = "500ms"  # for each of its statements
LOCK_TIMEOUT = "100ms"  # whoever holds the table exclusively lets an estimate go by, not wait

# Against the sample in a temporary table, as measured at 200,000 to 5 million rows (docs/measurements.md): several
# workers checksum; there are chunks and write-ahead log to write; and more rows take longer to sort, but several do it.
CHECKING_FACTOR, MOVING_FACTOR, INDEXING_FACTOR = 0.5, 2.0, 1.0
READING_FACTOR = 0.25  # of a checksum: reading one column
OVERHEAD = 0.3  # seconds, whatever the size
# Megabytes a second where nothing can be tried out, from the same tables on two cores.
CHECKED, MOVED, INDEXED = 250, 80, 50
LOWEST, HIGHEST = 0.5, 2.0  # of the estimated seconds


class Way(StrEnum):
    COPY = "copy"
    ATTACH = "attach"
    DETACH = "detach"


@dataclass(frozen=True)
class Estimate:
    way: Way
    low: float  # seconds
    high: float
    disk: int  # bytes beside what is there, until the transaction has ended
    log: int  # bytes of write-ahead log
    tried: bool  # on some of the table's own pages; otherwise from the speed of other servers

    @property
    def told(self) -> str:
        """What will be, in a line."""
        disk = f"{size(self.disk)} more on disk" if self.disk else "nothing more on disk"
        log = f"{size(self.log)} of WAL" if self.log else "hardly any WAL"
        guess = "" if self.tried or self.high < SHORT else " (as on other servers)"
        return f"locked for {between(self.low, self.high)}{guess}, {disk}, {log}"


@dataclass(frozen=True)
class Outlook:
    """A table as it is on disk, with its chunks, and what was measured on it."""

    table: str
    heap: int  # bytes; with TOAST: `whole`
    whole: int
    indexes: int
    may_attach: bool  # edition and version of the server
    indexed: bool  # by the partition column alone
    nullable: bool  # the partition column
    others: int = 0  # of chunks that are not the one attached, with TOAST
    without_log: bool = False  # it is unlogged, or wal_level is minimal
    page_size: int = 8192
    database_size: int = 0
    largest: int = 0  # the oid of the largest part
    may_probe: bool = False
    index_names: Sequence[str] = ()  # quoted
    index_sizes: Sequence[int] = ()  # of a hypertable: its own, which are empty
    is_attached: bool = False  # it was attached, and has not been taken back
    probe: Probe | None = None

    def copying(self) -> Estimate:
        seconds = 2 * self._checking(self.heap) + self._moving(self.whole) + self._indexing(1)
        return self._estimate(Way.COPY, seconds, self.whole + self.indexes)

    def attaching(self) -> Estimate:
        """Two scans, a third where the column may be NULL, and TimescaleDB's index where there is none like it."""
        new_index = 0 if self.indexed else self._bytes_of_an_index()
        scans = (3 if self.nullable else 2) * self._checking(self.heap) * READING_FACTOR
        return self._estimate(Way.ATTACH, scans + new_index / (INDEXED * _MB), new_index)

    def converting(self, *, attach: bool) -> Estimate:
        """`attach`: where the server can."""
        return self.attaching() if attach and self.may_attach else self.copying()

    def reverting(self) -> Estimate:
        return self.detaching() if self.is_attached else self.copying()

    def detaching(self) -> Estimate:
        """Two checksums of all rows, and those of other chunks come to the table."""
        share = self.others / max(1, self.whole)
        seconds = 2 * self._checking(self.heap) + self._moving(self.others) + self._indexing(share)
        return self._estimate(Way.DETACH, seconds, self.others + int(self.indexes * share))

    def index_size(self, name: str) -> int | None:
        """Of the index whose name begins so."""
        return next(
            (size for each, size in zip(self.index_names, self.index_sizes, strict=True) if each.startswith(name)), None
        )

    def _estimate(self, way: Way, seconds: float, written: int) -> Estimate:
        log = 0 if self.without_log else written
        seconds += OVERHEAD
        return Estimate(way, seconds * LOWEST, seconds * HIGHEST, written, log, self.probe is not None)

    def _checking(self, rows: int) -> float:
        if self.probe:
            return self.probe.checking * self._samples(rows) * CHECKING_FACTOR
        return rows / (CHECKED * _MB)

    def _moving(self, rows: int) -> float:
        if self.probe:
            return self.probe.moving * self._samples(rows) * MOVING_FACTOR
        return rows / (MOVED * _MB)

    def _indexing(self, share: float) -> float:
        """Of a share of the rows."""
        if self.probe:
            return self.probe.indexing * self._samples(self.heap) * share * INDEXING_FACTOR
        return self.indexes * share / (INDEXED * _MB)

    def _samples(self, rows: int) -> float:
        return rows / (self.probe.pages * self.page_size) if self.probe else 0

    def _bytes_of_an_index(self) -> int:
        """Of 8 bytes a row: a few dozen with its overhead."""
        rows = self.probe.rows * self._samples(self.heap) if self.probe else self.heap / 100
        return int(rows * 22)


_MB = 1024 * 1024


def look(
    connection: Connection, relation: str, *, column: str = "", key: Key | None = None, probing: bool = True
) -> Outlook | None:
    """At the table, quoted as SQL names it. None: it is none, holds nothing, or cannot be looked at now.

    `key` is that of a conversion which is to be taken back. The server is asked in savepoints that are rolled back:
    no lock, no setting and no temporary table is left. It is asked through the driver: what SQLAlchemy and those who
    listen to it see of a migration are the migration's own statements.
    """
    cursor = connection.connection.cursor()

    def ask(statement: str) -> Sequence[Any]:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else ()

    try:
        with _savepoint(ask):
            found = _found(ask, relation, column, key)
        if found and probing and found.may_probe and found.heap >= WORTH_A_PROBE:
            return _with_probe(connection, ask, found)
    except connection.dialect.loaded_dbapi.Error:
        return None
    else:
        return found
    finally:
        cursor.close()


def _with_probe(connection: Connection, ask: Ask, found: Outlook) -> Outlook:
    try:
        with _savepoint(ask):
            return replace(found, probe=measure(ask, found.largest))
    except connection.dialect.loaded_dbapi.Error:  # a timeout, an index's function, an event trigger, …
        return found


@contextmanager
def _savepoint(ask: Ask) -> Iterator[None]:
    ask("SAVEPOINT tsmigrate_estimate")
    try:
        ask(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        ask(f"SET LOCAL statement_timeout = '{PROBE_TIMEOUT}'")
        yield
    finally:
        ask("ROLLBACK TO SAVEPOINT tsmigrate_estimate")
        ask("RELEASE SAVEPOINT tsmigrate_estimate")


def _found(ask: Ask, relation: str, column: str, key: Key | None) -> Outlook | None:
    attached = ""
    if key and ask("SELECT to_regclass('tsmigrate.undo')")[0][0]:
        rows = ask(f"SELECT definition ->> 'attached' FROM tsmigrate.undo WHERE {key.condition}")
        attached = (rows and rows[0][0]) or ""
    rows = ask(
        expanded(
            "footprint",
            relation=f"to_regclass({literal(relation)})",
            column=literal(column),
            attached=literal(attached),
            attach_since=f"ARRAY{list(REQUIREMENTS['attach_chunk'].since)}",
        )
    )
    if not rows:
        return None
    found = Outlook(*rows[0])
    return replace(found, is_attached=bool(attached)) if found.heap else None
