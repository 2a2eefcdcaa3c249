"""What was read of a database, as it was read: no judgement here. Judgements are pure functions of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from tsmigrate.capability import Server
from tsmigrate.catalog.relation import Relation

TIME_TYPES = ("date", "timestamp", "timestamptz")
WHOLE_NUMBERS = ("int4", "int8")
TICKS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
"""In which units whole numbers count the time since 1970, and how many are a second."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What ANALYZE left of a column. Moments are seconds since 1970."""

    nulls: float  # share of the rows
    distinct: float  # as pg_stats has it: below zero it is a share of the rows
    correlation: float | None  # of the order on disk with that of the values
    bounds: tuple[float, ...] = ()  # between two of them lie as many rows as between any other two
    common: tuple[tuple[float, float], ...] = ()  # the commonest moments, and their shares of the rows


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    base_type: str  # a domain's; otherwise the type
    required: bool
    default: str
    generated: bool
    statistics: Statistics | None
    unit: str = ""  # of TICKS, where a whole number counts the time since 1970

    @property
    def is_time(self) -> bool:
        return self.base_type in TIME_TYPES or bool(self.unit)


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    method: str
    columns: tuple[str | None, ...]  # of the key; None: an expression
    parts: tuple[str, ...]  # of the key, each with its operator class, collation and order
    included: tuple[str, ...]
    condition: str
    unique: bool
    primary: bool
    kept: bool  # for more than finding rows: it is unique, behind a constraint, or the replica identity
    exclusion: bool
    valid: bool
    size: int
    scans: int


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    child: int
    parent: int
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    action: str  # ON DELETE


@dataclass(frozen=True, slots=True)
class Trigger:
    name: str
    function: str
    definition: str  # of the function; empty where its language is not one that we read


@dataclass(frozen=True, slots=True)
class Writes:
    """Since the server's counters were last reset."""

    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True)
class Table:
    oid: int
    relation: Relation
    kind: str  # pg_class.relkind
    unlogged: bool
    inherits: bool  # it has parents or children by inheritance
    owned: bool
    readable: bool
    row_security: bool
    toasted: bool
    rows: float  # as of the last ANALYZE; -1: there was none
    heap: int  # bytes
    toast: int
    index_bytes: int
    writes: Writes
    analyzed: datetime | None
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]

    @property
    def size(self) -> int:
        return self.heap + self.toast + self.index_bytes

    @property
    def known_rows(self) -> int | None:
        """None: it was never analyzed, and holds something."""
        if self.rows < 0:
            return None if self.heap else 0
        return round(self.rows)

    @property
    def locks_a_chunk(self) -> int:
        return 1 + (2 if self.toasted else 0) + len(self.indexes)

    @property
    def primary_key(self) -> Index | None:
        return next((index for index in self.indexes if index.primary), None)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class Kind(StrEnum):
    """What a statement does with a column."""

    RANGE = "range"  # compares it with < or > or BETWEEN
    EQUAL = "equal"
    ORDER = "order"  # sorts by it, for the first rows
    DELETE = "delete"  # finds the rows to delete by a range of it
    ASSIGN = "assign"  # sets it in an UPDATE


@dataclass(frozen=True, slots=True)
class Use:
    """One column in the statements that pg_stat_statements holds."""

    table: int
    column: str
    kind: Kind
    calls: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Evidence that could not be had."""

    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class Hypertable:
    column: str
    interval: str
    chunks: int
    newest_index_bytes: int  # of its two newest chunks
    seconds: float | None  # of its interval; None: it is of whole numbers
    newest_seconds: float | None  # that its two newest chunks span, on average: the interval may have been changed
    columnstore: bool


@dataclass(frozen=True)
class Evidence:
    server: Server
    now: datetime
    counters_since: datetime | None
    held: tuple[Relation, ...]  # exclusively, by others: they could not be looked at
    tables: Mapping[int, Table]
    foreign_keys: tuple[ForeignKey, ...]
    hypertables: Mapping[int, Hypertable]
    uses: tuple[Use, ...]
    statements: int  # how many were read
    no_statements: Missing | None  # why none were

    @cached_property
    def _uses_of(self) -> Mapping[int, list[Use]]:
        found: dict[int, list[Use]] = {}
        for use in self.uses:
            found.setdefault(use.table, []).append(use)
        return found

    @cached_property
    def _keys_to(self) -> Mapping[int, list[ForeignKey]]:
        found: dict[int, list[ForeignKey]] = {}
        for key in self.foreign_keys:
            found.setdefault(key.parent, []).append(key)
        return found

    @cached_property
    def _keys_of(self) -> Mapping[int, list[ForeignKey]]:
        found: dict[int, list[ForeignKey]] = {}
        for key in self.foreign_keys:
            found.setdefault(key.child, []).append(key)
        return found

    def calls(self, table: Table, kind: Kind, column: str | None = None) -> int:
        """How often statements did this with the column, or with any."""
        return sum(
            use.calls for use in self._uses_of.get(table.oid, ()) if use.kind is kind and column in (None, use.column)
        )

    def keys_to(self, table: Table) -> list[ForeignKey]:
        return self._keys_to.get(table.oid, [])

    def keys_of(self, table: Table) -> list[ForeignKey]:
        return self._keys_of.get(table.oid, [])
